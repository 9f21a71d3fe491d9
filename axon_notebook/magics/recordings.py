"""Recorded events in a file, as they can be published again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ..models import PUBLISH_ORIGINS
from ..recording_file import RecordedEvent, RecordingReader

__all__ = ["is_recording", "publishable", "read_recording"]

_NAME: Final = re.compile(r".+\.(?:jsonl|ndjson)(?:\.(?:gz|zst|zstd))?$", re.IGNORECASE)


def is_recording(text: str) -> bool:
    """Whether *text* is the name of a file of recorded events."""
    return _NAME.match(text.strip("'\"")) is not None


def read_recording(text: str) -> tuple[list[RecordedEvent], list[str]]:
    """Read the events of a file, in their order, and the notes on what was made up.

    Raises:
        RecordingError: There is no such file, or a line is not an event; it names the line.
    """
    reader = RecordingReader(Path(text.strip("'\"")).expanduser())
    events = [item for item in reader if isinstance(item, RecordedEvent)]
    return events, reader.notes


def publishable(events: Iterable[RecordedEvent]) -> list[dict[str, Any]]:
    """Return *events* as they can be published again.

    What only the server gives (sequence and time) is left out, and the server's own origin
    becomes ``EXTERNAL_EVENT``.
    """
    return [
        {
            "event_type": event.event_type,
            "payload": event.payload,
            "source": event.source,
            "origin": event.origin if event.origin in PUBLISH_ORIGINS else "EXTERNAL_EVENT",
        }
        for event in events
    ]
