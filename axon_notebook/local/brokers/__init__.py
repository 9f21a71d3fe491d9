"""Agents behind axons: their processes, and the protocols they speak."""
