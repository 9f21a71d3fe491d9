"""Events as they go over the wire: ``data: {…}`` and a blank line, nothing but ASCII."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import msgspec

from ...models import AxonEvent

__all__ = ["frame", "join_frames"]

_ENCODER: Final = msgspec.json.Encoder()


def frame(event: AxonEvent) -> bytes:
    r"""Return *event* as one frame.

    Beyond ASCII everything is escaped: some decoders take U+2028, U+0085 and
    their kin for line ends.
    """
    return b"data: " + _json(event) + b"\n\n"


def join_frames(events: Sequence[AxonEvent]) -> bytes:
    """Return the frames of *events* in one piece."""
    encoded = list(map(_ENCODER.encode, events))
    joined = b"data: " + b"\n\ndata: ".join(encoded) + b"\n\n" if encoded else b""
    return joined if joined.isascii() else b"".join(map(frame, events))


def _json(event: AxonEvent) -> bytes:
    encoded = _ENCODER.encode(event)
    if encoded.isascii():
        return encoded
    return json.dumps(msgspec.structs.asdict(event), separators=(",", ":")).encode()
