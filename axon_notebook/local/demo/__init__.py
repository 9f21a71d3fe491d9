"""The demo agent, which needs no model."""
