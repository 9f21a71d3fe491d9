"""Recorded events in a file: one JSON object per line, ``.jsonl`` or ``.jsonl.gz``."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from ..errors import ParameterError
from ..models import PUBLISH_ORIGINS, EventDraft

__all__ = ["is_recording", "read_recording"]

_NAME: Final = re.compile(r".+\.(?:jsonl|ndjson)(?:\.gz)?$", re.IGNORECASE)


def is_recording(text: str) -> bool:
    """Whether *text* is the name of a file of recorded events."""
    return _NAME.match(text.strip("'\"")) is not None


def read_recording(text: str) -> list[dict[str, Any]]:
    """Read the events of a file, in their order, as they can be published again.

    What only the server gives (``sequence``, ``timestamp_ms``, ``axon_id``) is left
    out, and the server's own origin becomes ``EXTERNAL_EVENT``.

    Raises:
        ParameterError: If there is no such file, or a line is no event; it names
            the line.
    """
    path = Path(text.strip("'\"")).expanduser()
    try:
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if path.suffix.lower() == ".gz" else raw).splitlines()
    except (OSError, EOFError) as error:
        raise ParameterError(f"cannot read {path}: {error}; paths start at {Path.cwd()}") from error
    return [_event(line, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]


def _event(line: bytes, where: str) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{where} is no JSON object: {error}") from error
    if not isinstance(event.get("event_type"), str):
        raise ParameterError(f'{where} has no "event_type": each line is one event')
    kept = {
        name: event[name] for name in EventDraft.__struct_fields__ if event.get(name) is not None
    }
    if kept.get("origin") not in (None, *PUBLISH_ORIGINS):
        kept["origin"] = "EXTERNAL_EVENT"
    return kept
