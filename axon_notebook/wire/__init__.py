"""The wire: bytes to events and back, one request at a time, streams that resume."""
