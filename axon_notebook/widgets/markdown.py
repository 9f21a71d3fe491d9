"""Markdown as agents write it, parsed in the kernel into a tree that needs no HTML.

The page, the snapshot in a saved notebook and a saved file render the same tree, so
there is one reading.  Rules:

* HTML in the source is text.  An image becomes a link to it and is never loaded: its
  address could carry data away.
* A link goes to ``http``, ``https`` or ``mailto``; every other one stays as written.
* Reference definitions (``[name]: url``) are text: they would change blocks that were
  shown before.
* While text streams in, the blocks before the last one are final.  Only the rest is
  parsed again, and a long rest only after it has grown by an eighth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["TOKEN_CLASSES", "Block", "Child", "Markdown", "Node", "parse_markdown", "plain_text"]

#: What a piece of highlighted code can be; the page's style sheet has a colour for each.
TOKEN_CLASSES: Final = (
    "attribute",
    "builtin",
    "comment",
    "deleted",
    "function",
    "heading",
    "inserted",
    "keyword",
    "number",
    "operator",
    "string",
    "tag",
)
#: Longer code is shown without colours.
HIGHLIGHT_CHARS: Final = 20_000
#: An open block below this size is parsed again whenever it grew.
EAGER_CHARS: Final = 2_000
#: What follows after so much text is shown as it was written.
MARKDOWN_CHARS: Final = 200_000
NESTING: Final = 20
SCHEMES: Final = ("http", "https", "mailto")

#: Info string of a fence → Pygments lexer.  Others are not highlighted.
LEXERS: Final = {
    **dict.fromkeys(("bash", "sh", "shell", "zsh"), "bash"),
    **dict.fromkeys(("c++", "cpp", "cc", "hpp"), "cpp"),
    **dict.fromkeys(("javascript", "js", "jsx", "mjs"), "javascript"),
    **dict.fromkeys(("typescript", "ts", "tsx"), "typescript"),
    **dict.fromkeys(("python", "py", "python3"), "python"),
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **dict.fromkeys(("rust", "rs"), "rust"),
    **dict.fromkeys(("ruby", "rb"), "ruby"),
    **dict.fromkeys(("diff", "patch"), "diff"),
    **dict.fromkeys(("dockerfile", "docker"), "docker"),
    **dict.fromkeys(("makefile", "make"), "make"),
    **dict.fromkeys(("console", "shell-session"), "console"),
    **{name: name for name in ("c", "css", "go", "html", "ini", "java", "json", "kotlin")},
    **{name: name for name in ("php", "sql", "swift", "toml", "xml")},
}

_URL: Final = re.compile(r"\bhttps?://[^\s<>\"'`]+")
_TRAILING: Final = ".,;:!?)]}*_~"


class Node(msgspec.Struct, omit_defaults=True):
    """An element of the tree.

    ``kind`` is ``p``, ``h1`` to ``h6``, ``ul``, ``ol``, ``li``, ``quote``, ``pre``,
    ``table``, ``tr``, ``th``, ``td``, ``hr``, ``em``, ``strong``, ``del``, ``code``,
    ``a``, ``br`` or ``token`` (a piece of highlighted code).
    """

    kind: str
    children: list[Child] = []
    #: a: where it goes, and the host for the title.
    href: str = ""
    host: str = ""
    #: pre: the language; token: one of TOKEN_CLASSES; th, td: ``center`` or ``right``.
    name: str = ""
    #: ol: the first number.
    start: int = 1


Child = Node | str


class Block(msgspec.Struct, omit_defaults=True):
    """A block of the top level, and where its source ends in the text, in UTF-16 units."""

    end: int
    node: Node


class Markdown:
    """A text that grows, and its blocks.

    Not safe for threads; :meth:`grow` takes time in proportion to the last block.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._closed = 0  # blocks that are final
        self._from = 0  # where the first block that is not final begins in the text
        self._wider = 0  # how many more UTF-16 units than characters are before that
        self._parsed = 0  # characters that the blocks are made of

    def grow(self, text: str, *, final: bool = False) -> int | None:
        """Take the whole text as it is now; return the first block that changed, if any did.

        With *final* nothing will be added, and all of it is parsed.
        """
        text = text[:MARKDOWN_CHARS]
        grown, rest = len(text) - self._parsed, self._parsed - self._from
        if grown == 0 or (not final and rest > EAGER_CHARS and grown < rest // 8):
            return None
        changed = self._closed
        starts = self._parse(text)
        self._parsed = len(text)
        # A block is final once the first line of the next one is complete.
        for at in range(len(starts) - 1, 0, -1):
            if text.find("\n", starts[at]) >= 0:
                self._wider += _wider(text[self._from : starts[at]])
                self._closed, self._from = changed + at, starts[at]
                break
        return changed

    def _parse(self, text: str) -> list[int]:
        """Replace the blocks that are not final; return where each of them begins."""
        source = text[self._from :]
        lines = _line_starts(source)
        tokens = _parser().parse(source)
        starts: list[int] = []
        del self.blocks[self._closed :]
        before, wider = 0, self._wider
        for first, last, node in _top(tokens):
            starts.append(self._from + lines[min(first, len(lines) - 1)])
            end = lines[last] if last < len(lines) else len(source)
            wider += _wider(source[before:end])
            self.blocks.append(Block(self._from + end + wider, node))
            before = end
        return starts


def parse_markdown(text: str) -> list[Block]:
    """Return the blocks of a text that is complete, up to ``MARKDOWN_CHARS``."""
    document = Markdown()
    document.grow(text, final=True)
    return document.blocks


def plain_text(child: Child) -> str:
    """Return the text of a tree, without any mark."""
    return child if isinstance(child, str) else "".join(map(plain_text, child.children))


def _wider(text: str) -> int:
    """Return how many more UTF-16 units than characters *text* has."""
    return 0 if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2 - len(text)


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer(r"\r\n?|\n", text))]


@cache
def _parser() -> MarkdownIt:
    """The parser; it holds no state of a text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": NESTING})
    parser.enable(["table", "strikethrough"]).disable(["reference", "html_block", "html_inline"])
    parser.validateLink = lambda url: _host(url) is not None  # type: ignore[method-assign]
    return parser


def _top(tokens: list[Token]) -> Iterator[tuple[int, int, Node]]:
    """First line, line after the last one, and tree, of each block of the top level."""
    at = 0
    while at < len(tokens):
        end = _end_of(tokens, at)
        first, last = tokens[at].map or [0, 0]
        yield first, last, _block(tokens, at, end)
        at = end + 1


def _end_of(tokens: list[Token], at: int) -> int:
    """Return the place of the token that closes the one at *at*."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += tokens[place].nesting
        if depth == 0:
            return place
    return len(tokens) - 1


_BLOCKS: Final = {
    "paragraph_open": "p",
    "bullet_list_open": "ul",
    "ordered_list_open": "ol",
    "list_item_open": "li",
    "blockquote_open": "quote",
    "table_open": "table",
    "tr_open": "tr",
    "th_open": "th",
    "td_open": "td",
}


def _block(tokens: list[Token], at: int, end: int) -> Node:
    token = tokens[at]
    if token.type in ("fence", "code_block"):
        return _code(token)
    if token.type == "hr":
        return Node("hr")
    kind = token.tag if token.type == "heading_open" else _BLOCKS.get(token.type, "p")
    node = Node(kind, list(_children(tokens, at + 1, end)))
    if kind == "ol":
        start = token.attrGet("start")
        node.start = start if isinstance(start, int) else 1
    if kind in ("th", "td"):
        style = str(token.attrGet("style") or "")
        node.name = next((name for name in ("center", "right") if style.endswith(name)), "")
    return node


def _children(tokens: list[Token], at: int, end: int) -> Iterator[Child]:
    while at < end:
        token = tokens[at]
        if token.type == "inline":
            yield from _Inline(token.children or []).children()
            at += 1
            continue
        last = _end_of(tokens, at)
        # Hidden is the paragraph of an item in a tight list.
        if token.type in ("thead_open", "tbody_open") or token.hidden:
            yield from _children(tokens, at + 1, last)
        else:
            yield _block(tokens, at, last)
        at = last + 1


_INLINE: Final = {"em_open": "em", "strong_open": "strong", "s_open": "del", "link_open": "a"}


class _Inline:
    """The children of an inline token, folded into a tree."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens

    def children(self) -> list[Child]:
        root = Node("p")
        open_nodes = [root]
        for token in self._tokens:
            into = open_nodes[-1].children
            if kind := _INLINE.get(token.type):
                node = _link(str(token.attrGet("href") or "")) if kind == "a" else Node(kind)
                into.append(node)
                open_nodes.append(node)
            elif token.nesting < 0:
                if len(open_nodes) > 1:
                    open_nodes.pop()
            else:
                in_link = any(node.kind == "a" for node in open_nodes)
                into.extend(_leaf(token, in_link=in_link))
        return root.children


def _leaf(token: Token, *, in_link: bool) -> list[Child]:
    match token.type:
        case "softbreak":
            return ["\n"]
        case "hardbreak":
            return [Node("br")]
        case "code_inline":
            return [Node("code", [token.content])]
        case "image":
            link = _link(str(token.attrGet("src") or ""))
            name = token.content or link.href
            link.children = [name]
            return [name] if in_link else [link]
    return [token.content] if in_link else _with_links(token.content)


def _with_links(text: str) -> list[Child]:
    """Return *text* with its web addresses as links."""
    if "://" not in text:
        return [text] if text else []
    parts: list[Child] = []
    at = 0
    for match in _URL.finditer(text):
        url = _trimmed(match[0])
        if _host(url) is None:
            continue
        link = _link(url)
        link.children = [url]
        parts += [text[at : match.start()], link]
        at = match.start() + len(url)
    return [part for part in (*parts, text[at:]) if part != ""]


def _trimmed(url: str) -> str:
    """Without the punctuation that ends the sentence; a bracket that was opened stays."""
    while url and url[-1] in _TRAILING:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url


def _link(href: str) -> Node:
    return Node("a", href=href, host=_host(href) or "")


def _host(url: str) -> str | None:
    """Return where a link goes, for its title; ``None`` if it must not be one."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in SCHEMES:
            return None
        host = parts.path.rpartition("@")[2] if parts.scheme == "mailto" else parts.hostname
        if not host or any(ord(c) <= 0x20 or c == "\\" for c in url):
            return None
        # Letters of other alphabets look like those of this one: show what is asked for.
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        return None


def _code(token: Token) -> Node:
    words = token.info.split()
    language = words[0][:24] if words else ""
    text = token.content.removesuffix("\n")
    return Node("pre", _highlighted(text, language), name=language)


def _highlighted(text: str, language: str) -> list[Child]:
    lexer_name = LEXERS.get(language.lower())
    if lexer_name is None or len(text) > HIGHLIGHT_CHARS:
        return [text]
    parts: list[Child] = []
    for kind, value in _lexer(lexer_name).get_tokens(text):
        name = _class_of(kind)
        if not name and parts and isinstance(parts[-1], str):
            parts[-1] += value
        elif name and parts and isinstance(parts[-1], Node) and parts[-1].name == name:
            parts[-1].children = [plain_text(parts[-1]) + value]
        else:
            parts.append(Node("token", [value], name=name) if name else value)
    return parts


@cache
def _lexer(name: str) -> Any:
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


_CLASS_OF: Final = {
    "Comment": "comment",
    "Generic.Deleted": "deleted",
    "Generic.Heading": "heading",
    "Generic.Inserted": "inserted",
    "Generic.Prompt": "operator",
    "Generic.Subheading": "heading",
    "Keyword": "keyword",
    "Literal.Number": "number",
    "Literal.String": "string",
    "Name.Attribute": "attribute",
    "Name.Builtin": "builtin",
    "Name.Class": "function",
    "Name.Decorator": "attribute",
    "Name.Exception": "builtin",
    "Name.Function": "function",
    "Name.Tag": "tag",
    "Name.Variable": "attribute",
    "Operator.Word": "keyword",
}


@cache
def _class_of(kind: Any) -> str:
    """The class of the token type or of the nearest type above it."""
    words = list(kind)
    while words:
        if found := _CLASS_OF.get(".".join(words)):
            return found
        words.pop()
    return ""
