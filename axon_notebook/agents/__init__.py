"""Agents behind an axon's broker: pure codecs, and the session on top of them."""
