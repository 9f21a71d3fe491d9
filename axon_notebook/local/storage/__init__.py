"""Axons on disk: events, SQL, and the broadcast of new events."""
