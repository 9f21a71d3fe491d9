"""Judgements on events and tool calls, published as events of the axon.

The names are those of Arize Phoenix: ``name``, ``label``, ``score``, ``explanation``.  The payload
has no ``type``, because the broker of a Pi agent would take that for a command.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ..errors import ParameterError
from ..models import AxonEvent
from .model import Entry, Tool
from .recorder import Recorder

__all__ = [
    "EVENT_TYPE",
    "Annotation",
    "annotate",
    "annotation_payload",
    "payloads_of_rows",
    "read_annotation",
]

EVENT_TYPE: Final = "annotation"
#: Entries that are looked at for the one that an annotated event belongs to.
LOOKED_AT: Final = 2_000


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A judgement; it is about an event (``target_sequence``) or a tool call (``call_id``).

    ``retracts`` is the sequence of an annotation that does not hold any more.
    """

    target_sequence: int | None = None
    call_id: str | None = None
    name: str = "annotation"
    label: str | None = None
    score: float | None = None
    explanation: str | None = None
    retracts: int | None = None


def annotation_payload(
    target: int | str,
    label: str | None,
    *,
    note: str | None = None,
    score: float | None = None,
    name: str = "annotation",
) -> dict[str, object]:
    """Return the payload of an annotation.

    Raises:
        ParameterError: The target is not valid, or there is neither label, note nor score.
    """
    if isinstance(target, bool) or not isinstance(target, int | str) or target in ("", 0):
        raise ParameterError(f"{target!r} is not a sequence or the id of a tool call")
    if label is None and note is None and score is None:
        raise ParameterError("an annotation needs a label, a note or a score")
    if score is not None and not math.isfinite(score):
        raise ParameterError(f"the score {score!r} is not a finite number")
    sequence = target if isinstance(target, int) else None
    call = target if isinstance(target, str) else None
    made = Annotation(sequence, call, name, label, score, note)
    payload: dict[str, object] = msgspec.to_builtins(made)
    return payload


def payloads_of_rows(rows: Sequence[Mapping[Any, Any]]) -> list[dict[str, object]]:
    """Return the payloads of annotations in *rows*; NA is as good as not there.

    Raises:
        ParameterError: A row cannot be published; says which.
    """
    made = []
    for number, row in enumerate(rows):
        known = {name: value for name, value in row.items() if _is_known(value)}
        call, sequence = known.get("call_id"), known.get("target_sequence")
        score = known.get("score")
        try:
            payload = annotation_payload(
                int(sequence) if sequence is not None else str(call or ""),
                known.get("label"),
                note=known.get("explanation"),
                score=None if score is None else float(score),
                name=known.get("name", "annotation"),
            )
        except (ParameterError, TypeError, ValueError) as error:
            raise ParameterError(f"row {number}: {error}; nothing was published") from None
        made.append(payload)
    return made


def _is_known(value: object) -> bool:
    """Whether it is neither ``None`` nor one of the values that frames have for unknown ones."""
    return type(value).__name__ not in ("NoneType", "NAType") and value == value


def read_annotation(event: AxonEvent) -> Annotation | None:
    """Return the annotation that *event* is; ``None`` if it is none."""
    if event.event_type != EVENT_TYPE or event.origin == "SYSTEM_EVENT":
        return None
    try:
        found = msgspec.json.decode(event.payload, type=Annotation)
    except msgspec.DecodeError:
        return None
    about = (found.target_sequence, found.call_id, found.retracts)
    return found if any(value is not None for value in about) else None


def annotate(recorder: Recorder, event: AxonEvent, found: Annotation, turn_id: str) -> None:
    """Add an annotation to the entries, or take one back.

    Args:
        recorder: The entries.
        event: The annotation's event.
        found: What it says.
        turn_id: Where it stands if what it is about has no entry.
    """
    entries = recorder.entries
    if found.retracts is not None:
        for entry in reversed(entries):
            if entry.kind == "annotation" and entry.first_sequence == found.retracts:
                recorder.change(entry, status="retracted")
        return
    target = _target(entries, found)
    recorder.add(
        "annotation",
        turn_id=target.turn_id if target is not None else turn_id,
        target=target.id if target is not None else None,
        target_sequence=found.target_sequence,
        call_id=found.call_id,
        name=found.name,
        label=found.label,
        score=found.score,
        text=found.explanation,
        annotator=event.source,
    )


def _target(entries: list[Entry], found: Annotation) -> Entry | None:
    """Return the entry that an annotation is about: the call, or what the event changed."""
    if found.call_id is not None:
        calls = (e for e in reversed(entries) if isinstance(e, Tool))
        return next((call for call in calls if call.call_id == found.call_id), None)
    wanted = found.target_sequence or 0
    # Entries begin in the order of their ids.
    end = bisect_right(entries, wanted, key=lambda entry: entry.first_sequence)
    turn = None
    for entry in reversed(entries[max(0, end - LOOKED_AT) : end]):
        if entry.kind == "turn" and turn is None and wanted <= entry.last_sequence:
            turn = entry
        elif entry.kind not in ("turn", "session", "annotation") and _has(entry.ranges, wanted):
            return entry
    return turn


def _has(ranges: list[int], sequence: int) -> bool:
    at = bisect_right(ranges, sequence)
    # Ranges are first, last, first, last: inside of one, or at its end.
    return at % 2 == 1 or (at > 0 and ranges[at - 1] == sequence)
