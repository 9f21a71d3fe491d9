"""Traces in the formats of other tools: ATIF trajectories, OpenTelemetry spans."""
