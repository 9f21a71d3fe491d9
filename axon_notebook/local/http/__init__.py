"""The service's HTTP: connections, checks, endpoints, streams."""
