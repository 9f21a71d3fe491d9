"""Events and lines for the tests of the broker's protocols, which need no process."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from axon_notebook.models import AxonEvent

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def event(sequence: int, event_type: str, payload: Any) -> AxonEvent:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return AxonEvent(sequence, "axn_1", 0, "USER_EVENT", "test", event_type, text)


def line(**message: Any) -> bytes:
    return json.dumps(message).encode()


def sent(lines: list[bytes]) -> Any:
    """What the agent would read: one line, one message."""
    [only] = lines
    assert only.count(b"\n") == 1
    return json.loads(only)


def all_sent(lines: list[bytes]) -> list[Any]:
    return [sent([each]) for each in lines]
