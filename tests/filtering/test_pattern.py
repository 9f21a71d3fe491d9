"""Patterns of users on untrusted text: they end, whatever both are, and leave nothing out."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.filtering.pattern import pattern


@pytest.mark.parametrize(
    "source",
    [".*.*.*.*x$", "(a+)+x", "(a|a)*x", "(a|ab)*(a|ab)*x", "a*a*a*a*a*a*a*a*x", "(a?b?)*x"],
)
def test_hostile_text_costs_no_more_than_any_other(source: str) -> None:
    """A backtracking engine would hold the kernel for centuries."""
    finds = pattern(source)

    assert not finds("a" * 100_000 + "xy" * source.endswith("$"))
    assert finds("a" * 100_000 + "x")


def test_all_of_a_long_payload_is_looked_at() -> None:
    """Which rows match must not depend on where a limit happens to be."""
    assert pattern("b.*c$")("a" * 300_000 + "b" + "a" * 300_000 + "c")


def test_a_repetition_that_would_grow_without_end_is_refused() -> None:
    """The limit is on the pattern, which its writer can change."""
    for source in ("(a{100}){100}", "((){9999}){9999}", "((a{0,99}){0,99}){0,99}"):
        with pytest.raises(ValueError, match="2,000 steps when its repetitions are written out"):
            pattern(source)


def test_a_named_group_is_written_as_in_the_page() -> None:
    """One spelling for both sides, and a backslash before it is a backslash."""
    assert pattern(r"(?<year>\d{4})-")("in 2026-11")
    assert pattern(r"\(\?<y")("(?<y")


PIECES = ["a", "b", "ab", ".", "[ab]", "[^a]", "(a|b)", "(ab|a)", r"\b", "^", "$", r"\n", "(a*b)"]


@given(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["", "", "*", "+", "?", "{1,2}"]))),
    st.text("ab \n", max_size=12),
    st.sampled_from(["", "i", "m", "s"]),
)
def test_it_finds_what_a_backtracking_engine_finds(
    pieces: list[tuple[str, str]], text: str, flags: str
) -> None:
    """Where both read a pattern alike, they must answer alike."""
    source = "".join(piece + ("" if piece in (r"\b", "^", "$") else q) for piece, q in pieces)
    python = re.sub(r"\$", r"\\Z" if "m" not in flags else "$", source)
    chosen = re.RegexFlag(sum(getattr(re, flag.upper()) for flag in flags)) | re.ASCII

    assert pattern(source, flags)(text) == (re.search(python, text, chosen) is not None)


@given(st.text("ab()[]{}|*+?\\.^$,012<>=!:P", max_size=12))
def test_any_text_is_a_pattern_or_is_refused_with_a_reason(source: str) -> None:
    """Half a pattern is what the box holds while its user types."""
    with suppress(ValueError):
        assert pattern(source)("ab" * 10) in (True, False)
