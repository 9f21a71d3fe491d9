"""Markdown of agents becomes a tree, safely, and the same tree however the text arrives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from axon_notebook.widgets.markdown import (
    MARKDOWN_CHARS,
    TOKEN_CLASSES,
    Child,
    Markdown,
    Node,
    parse_markdown,
    plain_text,
)

from .hostile_texts import HOSTILE


def tree(text: str) -> list[Any]:
    """The tree in short: ``(kind, child, …)``."""

    def short(child: Child) -> Any:
        if isinstance(child, str):
            return child
        return (child.kind, *map(short, child.children))

    return [short(block.node) for block in parse_markdown(text)]


def nodes(text: str) -> Iterator[Node]:
    def walk(child: Child) -> Iterator[Node]:
        if isinstance(child, Node):
            yield child
            for below in child.children:
                yield from walk(below)

    for block in parse_markdown(text):
        yield from walk(block.node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Title\ntext", [("h1", "Title"), ("p", "text")]),
        ("a *b* **c**", [("p", "a ", ("em", "b"), " ", ("strong", "c"))]),
        ("~~d~~ `e`", [("p", ("del", "d"), " ", ("code", "e"))]),
        ("- a\n  1. b\n- c", [("ul", ("li", "a", ("ol", ("li", "b"))), ("li", "c"))]),
        ("- a\n\n- b", [("ul", ("li", ("p", "a")), ("li", ("p", "b")))]),
        ("> q", [("quote", ("p", "q"))]),
        ("|a|\n|-|\n|1|", [("table", ("tr", ("th", "a")), ("tr", ("td", "1")))]),
        ("```\nx < y\n```", [("pre", "x < y")]),
        ("    indented", [("pre", "indented")]),
        ("one\ntwo  \nthree", [("p", "one", "\n", "two", ("br",), "three")]),
        ("---", [("hr",)]),
        ("<b>x</b> &amp;", [("p", "<b>x</b> &")]),
        ("[a]\n\n[a]: https://x.y", [("p", "[a]"), ("p", "[a]: ", ("a", "https://x.y"))]),
    ],
)  # fmt: skip
def test_each_form_has_its_node(text: str, expected: list[Any]) -> None:
    """What agents write most."""
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("[x](https://a.b/c)", [("https://a.b/c", "a.b")]),
        ("[x](mailto:me@a.b)", [("mailto:me@a.b", "a.b")]),
        ("see https://a.b/x(y), or", [("https://a.b/x(y)", "a.b")]),
        ("(http://c.d.)", [("http://c.d", "c.d")]),
        ("<https://a.b>", [("https://a.b", "a.b")]),
        ("![a picture](https://a.b/c.png?secret=1)", [("https://a.b/c.png?secret=1", "a.b")]),
        ("[bank](https://bank.a@evil.b/)", [("https://bank.a@evil.b/", "evil.b")]),
        ("[x](https://аррӏе.com)", [("https://xn--80ak6aa92e.com", "xn--80ak6aa92e.com")]),
        ("`https://a.b`", []),
    ],
)  # fmt: skip
def test_links_go_where_their_title_says(text: str, links: list[tuple[str, str]]) -> None:
    """The host is shown before somebody clicks, letters that look alike included."""
    found = [(node.href, node.host) for node in nodes(text) if node.kind == "a"]

    assert found == links


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "JaVaScRiPt:x", "&#106;avascript:x", "vbscript:x"),
        *("file:///etc/passwd", "data:text/html,x", "//a.b/c", "/etc", "ftp://a.b"),
        *("https:", "https://"),
    ],
)
def test_every_other_address_stays_text(address: str) -> None:
    """A click must not run anything, or open a file of the reader."""
    for text in (f"[name]({address})", f"![name]({address})", f"<{address}>"):
        assert [node for node in nodes(text) if node.kind == "a"] == []
        assert "name" in "".join(plain_text(b.node) for b in parse_markdown(text)) or "<" in text


def test_a_hostile_text_has_only_known_nodes_and_loses_nothing() -> None:
    """Whatever an agent repeats from the web."""
    kinds = {"p", "ul", "ol", "li", "quote", "pre", "table", "tr", "th", "td", "hr", "br"}
    kinds |= {"em", "strong", "del", "code", "a", "token", *(f"h{n}" for n in range(1, 7))}
    for text in HOSTILE:
        for source in (text, f"```{text}\n{text}\n```", f"[{text}]({text})", f"- {text}"):
            for node in nodes(source):
                assert node.kind in kinds
                assert not node.href or node.href.startswith(("https://", "http://", "mailto:"))
                assert node.kind != "token" or node.name in TOKEN_CLASSES


def test_code_has_classes_of_a_fixed_list() -> None:
    """The page has a colour for each; nothing of the text becomes a class."""
    code = '```python\n@d\ndef f(x: int):\n    return "s" + 1  # c\n```'
    found = {(node.name, plain_text(node)) for node in nodes(code) if node.kind == "token"}

    assert {("keyword", "def"), ("function", "f"), ("string", '"s"'), ("comment", "# c")} <= found
    assert {name for name, _ in found} <= set(TOKEN_CLASSES)


def test_an_unknown_language_is_plain() -> None:
    """No lexer is guessed, none is loaded by a name that an agent wrote."""
    (block,) = parse_markdown("```../../x evil\ncode\n```")

    assert block.node.children == ["code"]
    assert block.node.name == "../../x"


PIECES = st.sampled_from(
    [
        *("a", " ", "\n", "\n\n", "- ", "* ", "1. ", "> ", "#", "```", "~~~", "---", "===", "|"),
        *("|-|", "    ", "  ", "**", "_", "`", "[x](https://a.b)", "![i](https://a.b)", "\r\n"),
        *("[r]: https://a.b", "\r", "\t", "\0", "<b>", "https://a.b", "+ ", "1) ", "\\", "é b"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30), st.integers(1, 7))
@example(["> a", "\n", "---", " foo"], 1)
def test_a_text_that_streams_in_ends_as_the_same_tree(pieces: list[str], step: int) -> None:
    """What a person saw growing is what is saved."""
    text = "".join(pieces)
    document = Markdown()
    shown: list[Any] = []
    for end in range(step, len(text) + step, step):
        first = document.grow(text[:end])
        if first is not None:  # what a page does that only hears of the changed blocks
            shown = shown[:first] + document.blocks[first:]
    first = document.grow(text, final=True)
    if first is not None:
        shown = shown[:first] + document.blocks[first:]

    assert shown == parse_markdown(text)


def test_only_the_end_of_a_long_text_is_parsed_again() -> None:
    """Else a text of n pieces costs n²."""
    document = Markdown()
    text = "A paragraph.\n\n" * 200
    for end in range(1000, len(text), 500):
        document.grow(text[:end])
    before = len(document.blocks)
    first = document.grow(text, final=True)

    assert first is not None
    assert first > before - 3


def test_an_open_block_that_is_long_waits_until_it_has_grown() -> None:
    """Code of 40,000 characters is not parsed for each word that comes."""
    document = Markdown()
    text = "```python\n" + "x = 1\n" * 2000
    document.grow(text)

    assert document.grow(text + "y") is None
    assert document.grow(text + "y = 2\n" * 400) == 0
    assert document.grow(text + "y = 2\n" * 400, final=True) is None


def test_what_is_beyond_the_limit_is_left_to_be_shown_as_it_is() -> None:
    """A text of megabytes is data."""
    blocks = parse_markdown("word " * MARKDOWN_CHARS)

    assert blocks[-1].end == MARKDOWN_CHARS


def test_ends_are_counted_as_a_page_counts() -> None:
    """JavaScript counts UTF-16 units, two for most pictures."""
    text = "\U0001f600\n\né \U0001f600\n\nend"
    document = Markdown()
    for end in range(1, len(text) + 1):
        document.grow(text[:end])

    assert [block.end for block in document.blocks] == [3, 9, 13]
    assert document.blocks == parse_markdown(text)


def test_a_block_is_compact_on_the_wire() -> None:
    """What is empty is left out."""
    assert (
        msgspec.json.encode(parse_markdown("a"))
        == b'[{"end":1,"node":{"kind":"p","children":["a"]}}]'
    )


def test_the_parsers_are_imported_when_there_is_something_to_parse() -> None:
    """`import axon_notebook` stays quick."""
    code = (
        "import sys, axon_notebook.widgets.markdown;"
        "print([m for m in ('markdown_it', 'pygments') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
