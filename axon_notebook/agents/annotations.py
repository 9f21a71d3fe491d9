"""Judgements on events and tool calls, published as events of the axon.

The names are those of Arize Phoenix: ``name``, ``label``, ``score``, ``explanation``.  The payload
has no ``type``, because the broker of a Pi agent would take that for a command.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from ..errors import ParameterError
from ..models import AxonEvent

__all__ = ["EVENT_TYPE", "Annotation", "annotation_payload", "read_annotation"]

EVENT_TYPE: Final = "annotation"


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
