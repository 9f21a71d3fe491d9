"""The service as a process: its home, its start and stop, its diagnosis."""
