"""The API document that the service publishes."""

from __future__ import annotations

import functools
from importlib.resources import files

__all__ = ["document"]


@functools.cache
def document() -> bytes:
    """Return the OpenAPI document as JSON, from the file next to this module."""
    return files(__package__).joinpath("openapi.json").read_bytes()
