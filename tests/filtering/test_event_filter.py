"""The filter box's language in Python: the same answers as in the page."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.errors import ParameterError
from axon_notebook.filtering.event_filter import EventFilter
from axon_notebook.models import AxonEvent

CASES = json.loads((Path(__file__).parent / "filter_cases.json").read_text("utf-8"))
EVENTS = msgspec.convert(CASES["events"], list[AxonEvent])


def shown(text: str, **options: Any) -> list[int]:
    passes = EventFilter(text, **options).test
    return [event.sequence for event in EVENTS if passes(event)]


@pytest.mark.parametrize(
    ("text", "sequences"), [(case["filter"], case["shows"]) for case in CASES["filters"]]
)
def test_the_kernel_shows_what_the_page_shows(text: str, sequences: list[int]) -> None:
    """``viewer.filtered()`` and the rows on the screen are one answer."""
    assert shown(text, tz_offset_min=CASES["tz_offset_min"]) == sequences


@pytest.mark.parametrize("text", CASES["errors"])
def test_what_the_page_refuses_the_kernel_refuses(text: str) -> None:
    """A filter that one side takes and the other does not would show two truths."""
    with pytest.raises(ParameterError, match="filter: "):
        EventFilter(text)


def test_times_of_day_are_those_of_the_page() -> None:
    """Who reads 11:01 on the screen writes 11:01."""
    assert shown("after:10:01") == [3, 4]
    assert shown("after:11:01", tz_offset_min=-60) == [3, 4]
    assert shown("before:2025-11-22T05:01", tz_offset_min=300) == [1, 2]


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_is_refused_with_a_reason(text: str) -> None:
    """People type; half a filter must not end in a traceback."""
    with suppress(ParameterError):
        assert set(shown(text)) <= {event.sequence for event in EVENTS}


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.strip()))
def test_a_quoted_text_finds_the_payload_it_was_copied_from(text: str) -> None:
    """Whatever the text: its quotes, its umlauts, its backslashes."""
    quoted = json.dumps(text, ensure_ascii=False) if text.isprintable() else '"x"'
    inside = text if text.isprintable() else "x"
    event = AxonEvent(1, "axn_1", 0, "USER_EVENT", "s", "t", json.dumps({"text": f"a{inside}b"}))

    assert EventFilter(quoted).test(event)


def test_a_kind_is_asked_of_whoever_knows_it() -> None:
    """What an event is about is read by the agents' package, which filters do not depend on."""
    event = AxonEvent(1, "a", 0, "AGENT_EVENT", "agent", "session/update", "{}")
    keeps = EventFilter("kind:t*", kind_of=lambda event: "tool").test
    leaves_out = EventFilter("-kind:tool", kind_of=lambda event: "tool").test

    assert keeps(event)
    assert not leaves_out(event)
    with pytest.raises(ParameterError, match="kind: is not known here"):
        EventFilter("kind:tool")
