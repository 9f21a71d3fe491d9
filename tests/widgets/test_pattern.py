"""Patterns of users on text of strangers: they end, whatever both are."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.filtering.pattern import pattern, shape_of


@pytest.mark.parametrize(
    "source",
    [
        ".*x$",
        ".*.*x$",
        ".*.*.*x$",
        "a*a*a*a*x",
        ".{0,900}.{0,900}.{0,900}x",
        "a*a*a*a*a*a*x",
    ],
)
def test_on_hostile_text_a_pattern_gives_up(source: str) -> None:
    """Whole, some of these would hold the kernel for centuries."""
    finds = pattern(source)

    assert not any(finds("a" * 100_000) for _ in range(5))
    assert finds("a" * 8 + "x")


def test_on_ordinary_text_a_pattern_sees_all_of_it() -> None:
    """Giving up is for what would hang; people search for words with gaps between them."""
    finds = pattern("begin.*middle.*end$")

    assert finds("begin " + "word " * 300 + "middle " + "word " * 300 + "end")
    assert not finds("begin " + "word " * 300 + "middle end of nothing")


@pytest.mark.parametrize(
    "source",
    ["a+b*", "(ab)+", "[+*(]+", r"\(a+\)+", "(a|b)*", "(a+)?", r"(?<year>\d{4})+", r"retry \d+"],
)
def test_what_ends_soon_is_taken(source: str) -> None:
    """The page takes these; a filter that one side refuses would show two truths."""
    assert not shape_of(source).nested
    assert pattern(source)


def test_a_named_group_is_written_as_in_the_page() -> None:
    """One spelling for both sides, and a backslash before it is a backslash."""
    assert pattern(r"(?<year>\d{4})-")("in 2026-11")
    assert pattern(r"\(\?<y")("(?<y")


@given(st.text("ab()[]{}|*+?\\.^$,012<>=!:P", max_size=12))
def test_any_text_is_a_pattern_or_is_refused_with_a_reason(source: str) -> None:
    """Half a pattern is what the box holds while its user types."""
    with suppress(ValueError):
        assert pattern(source)("ab" * 10) in (True, False)
