"""What stays in a saved notebook: small, harmless, and no more than was allowed."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import AxonEvent
from axon_notebook.widgets.snapshot import events_html, events_text, shown

from .hostile_texts import HOSTILE, MARK

TAGS = {"div", "b", "img", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"style", "src", "alt"}
# Of style values: nothing that loads, moves out of its place, or that sanitisers drop.
FORBIDDEN_IN_STYLE = ("url", "expression", "position", "var(", "light-dark", "@", "\\")


class Elements(HTMLParser):
    """Collects what a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.others: list[str] = []
        self.text = ""
        self.depth = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        self.depth += tag != "img"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def event(sequence: int, text: str) -> AxonEvent:
    return AxonEvent(sequence, text, 1_763_805_600_000 + sequence, text, text, text, text)


def is_harmless(html: str) -> bool:
    found = Elements(html)
    for name, value in found.attributes:
        assert name in ATTRIBUTES
        assert name != "src" or value.startswith("data:image/svg+xml;base64,")
        assert name != "style" or not any(word in value for word in FORBIDDEN_IN_STYLE)
    return found.tags <= TAGS and not found.others and found.depth == 0


def test_there_are_enough_attacks() -> None:
    """The corpus is the test."""
    assert len(set(HOSTILE)) >= 100
    assert sum(MARK in text for text in HOSTILE) >= 100


@pytest.mark.parametrize("field", ["title", "status", "facts", "events"])
def test_no_hostile_text_becomes_an_element_or_attribute(field: str) -> None:
    """Notebook output runs with the rights of the person who opens it."""
    for text in HOSTILE:
        words = {"title": "t", "status": "s"} | (
            {field: text} if field in ("title", "status") else {}
        )
        facts = [text] if field == "facts" else []
        events = [event(1, text)] if field == "events" else []
        html = events_html(words["title"], words["status"], events, total=1, facts=facts)

        assert is_harmless(html)


@given(text=st.text(), time=st.integers(-(2**63), 2**63 - 1))
def test_any_text_and_any_time_make_a_snapshot(text: str, time: int) -> None:
    """Clocks of other machines are strange; a snapshot that raises loses the notebook's output."""
    strange = AxonEvent(1, text, time, text, text, text, text)

    assert is_harmless(events_html(text, text, [strange, event(2, text)], total=2, facts=[text]))
    assert events_text(text, text, [strange], total=1).count("\n") == 1


@given(st.text(max_size=50))
def test_words_stay_readable(text: str) -> None:
    """Harmless must not mean mangled: letters are shown as they are."""
    letters = "".join(c for c in text if c.isalpha())
    html = events_html("t", "s", [event(1, letters)], total=1)

    assert letters in Elements(html).text


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x1b", "\x00"])
def test_what_hides_or_reorders_text_is_made_visible(hidden: str) -> None:
    """``\u202e`` turns gnp.exe into exe.png for the eye."""
    assert hidden not in shown(f"a{hidden}b")
    assert shown(f"a{hidden}b") != "ab"


@pytest.mark.parametrize(
    "text",
    ["x" * 5000, "<&\"'>" * 1000, "\u202e" * 3000, "😀" * 3000],
    ids=["long", "escaped", "hidden", "wide"],
)
def test_a_snapshot_stays_small(text: str) -> None:
    """It is written into every saved notebook, and notebooks are mailed around."""
    html = events_html("t", "s", [event(n, text) for n in range(1, 501)], total=500)

    assert len(html.encode()) <= 150 * 1024


def test_the_newest_events_and_the_counts_are_there() -> None:
    """Who opens the notebook next year wants to know what happened at the end."""
    events = [event(n, f"type-{n % 3}") for n in range(1, 501)]
    html = Elements(events_html("orders", "live at noon", events, total=12_480, facts=["0 lost"]))

    assert "orders · live at noon · 0 lost" in html.text
    assert "of 12,480 events" in html.text
    assert "type-1 167" in html.text
    assert "500" in html.text.split("payload")[-1]


def test_one_event_is_no_plural() -> None:
    """The first thing that a newcomer saves holds just one."""
    head = events_text("orders", "live", [event(1, "tick")], total=1).splitlines()[0]

    assert head == "orders · live · 1 event"


def test_plain_text_shows_the_newest_ten_lines() -> None:
    """Terminals, mails and diffs show this."""
    lines = events_text("orders", "ended", [event(n, f"t{n}") for n in range(1, 50)], total=49)

    assert lines.splitlines()[0] == "orders · ended · 49 events"
    assert [line.split()[0] for line in lines.splitlines()[1:]] == [str(n) for n in range(40, 50)]
