"""What a page's annotation box asks for: publish a judgement, or take one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..errors import ParameterError

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["annotate", "place_of"]


class _Judgement(msgspec.Struct, frozen=True):
    """The value of the page's command ``annotate``."""

    target: int | str | None = None
    label: str | None = None
    note: str | None = None
    score: float | None = None
    name: str = "annotation"
    retracts: int | None = None
    axon: int = 0


def place_of(value: str | bytes) -> int:
    """Return which of the axons of a viewer a page's command ``annotate`` is about."""
    try:
        return msgspec.json.decode(value, type=_Judgement).axon
    except msgspec.DecodeError:
        return 0  # `annotate` says what is wrong


def annotate(axon: Axon, value: str | bytes) -> int:
    """Publish what a page's command ``annotate`` says; return the sequence.

    Args:
        axon: Where it goes.
        value: A JSON object: ``target`` (a sequence, or the id of a tool call), and ``label``,
            ``note``, ``score``, ``name``; or ``retracts``, the sequence of an annotation.

    Raises:
        ParameterError: It is not valid, or *axon* is a recording.
        AxonError: It cannot be published.
    """
    if not hasattr(axon, "annotate"):
        raise ParameterError("a recording takes no annotations: open the axon itself")
    try:
        made = msgspec.json.decode(value, type=_Judgement)
    except msgspec.DecodeError as error:
        raise ParameterError(f"the annotation is not valid: {error}") from None
    if made.retracts is not None:
        return axon.retract_annotation(made.retracts).sequence
    if made.target is None:
        raise ParameterError("the annotation names no event and no tool call")
    label, note = made.label or None, made.note or None
    return axon.annotate(made.target, label, note=note, score=made.score, name=made.name).sequence
