"""The tree of a Markdown text as HTML for a saved notebook: no class, no id, nothing loaded."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from ..visible import visible
from .markdown import Block, Child, Node

__all__ = ["markdown_html"]

_TAGS: Final = {
    **{name: name for name in ("p", "ul", "ol", "li", "tr", "th", "td", "hr", "em", "strong")},
    **{name: name for name in ("del", "code", "br", "table")},
    "quote": "blockquote",
}
_VOID: Final = ("hr", "br")
#: Read on white and on #111.
_COLOURS: Final = {
    "attribute": "#a06000",
    "builtin": "#0b8278",
    "comment": "#808080",
    "deleted": "#c84040",
    "function": "#3b78c4",
    "heading": "#3b78c4",
    "inserted": "#2a8a4a",
    "keyword": "#9a55c8",
    "number": "#b06a00",
    "operator": "#808080",
    "string": "#2a8a4a",
    "tag": "#3b78c4",
}
_PRE: Final = (
    "font-family: monospace; white-space: pre-wrap; padding: 4px 10px; margin: 4px 0; "
    "border-left: 2px solid #80808066;"
)


def markdown_html(blocks: Sequence[Block]) -> str:
    """Return the blocks as HTML; every text is escaped."""
    return "".join(_html(block.node) for block in blocks)


def _html(node: Child) -> str:
    if isinstance(node, str):
        return escape(visible(node, keep="\n"))
    inside = "".join(map(_html, node.children))
    if node.kind == "pre":
        return f'<div style="{_PRE}">{inside}</div>'
    if node.kind == "token":
        return f'<span style="color: {_COLOURS.get(node.name, "inherit")};">{inside}</span>'
    if node.kind == "a":
        return _link(node, inside)
    if node.kind.startswith("h") and node.kind[1:].isdigit():
        return f"<p><strong>{inside}</strong></p>"
    tag = _TAGS.get(node.kind, "span")
    if tag in _VOID:
        return f"<{tag}>"
    start = f' start="{node.start}"' if tag == "ol" and node.start != 1 else ""
    style = f' style="text-align: {node.name};"' if node.name in ("center", "right") else ""
    return f"<{tag}{start}{style}>{inside}</{tag}>"


def _link(node: Node, inside: str) -> str:
    """The parser lets only http, https and mailto through."""
    title = escape(visible(f"{node.host} {node.href}"))
    rel = 'target="_blank" rel="noopener noreferrer"'
    return f'<a href="{escape(node.href)}" title="{title}" {rel}>{inside}</a>'
