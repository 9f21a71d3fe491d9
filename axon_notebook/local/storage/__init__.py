"""Axons on disk: events, SQL, and who is told of new events."""
