"""The embedded service: Runloop's API on this machine, in a process of its own."""
