"""A conversation as a saved notebook shows it: HTML that needs no kernel, and text.

The same rules as for events (:mod:`.snapshot`): only what a notebook's sanitizers
keep, every text escaped, no script, no style sheet, nothing loaded.  Pictures are data
URLs of PNG, JPEG, GIF and WebP.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

from ..agents import parts
from ..agents.model import Annotation, Entry, Message, Notice, Plan, Question, Tool, Turn
from . import chat_words as words
from .chat_outline import Group, Outline, Shown
from .markdown_html import markdown_html
from .snapshot import shown

__all__ = ["chat_html", "chat_text"]

HTML_BYTES: Final = 256 * 1024  # a notebook is mailed around
PICTURE_CHARS: Final = 128 * 1024  # of base64; a larger picture is named
TEXT_GROUPS: Final = 10
TEXT_CHARS: Final = 20_000  # of one text
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
MUTED: Final = "#808080"  # reads on white and on #111
ACCENT: Final = "#3b82c4"
BAD: Final = "#d05050"
MONO: Final = "font-family: monospace; white-space: pre-wrap;"
LEVELS: Final = {"error": BAD, "warning": "#b07000"}

#: Colours and redrawn lines of terminal output; the text is kept.
_CONTROL: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")


def chat_html(title: str, status: str, entries: Sequence[Shown], *, dropped: int = 0) -> str:
    """Return the newest part of a conversation that fits, oldest first."""
    outline = Outline(entries)
    facts = [f"<b>{escape(shown(title))}</b>", escape(shown(status))]
    facts += filter(None, [escape(words.totals(outline.turns, outline.session))])
    found: list[str] = []
    room, whole = HTML_BYTES, dropped == 0
    for part in reversed(outline.parts):
        html, fits = _Html(outline).part(part, room)
        found.append(html)
        room -= len(html.encode())
        if not fits:
            whole = False
            break
    if not whole:
        found.append(f'<div style="color: {MUTED};">… earlier parts are not saved</div>')
    return "\n".join(
        [
            '<div style="font-family: system-ui, sans-serif; font-size: 13px; max-width: 760px;">',
            f'<div style="padding: 4px 0; color: {MUTED};">{" · ".join(facts)}</div>',
            *(html for html in reversed(found) if html),
            "</div>",
        ]
    )


def chat_text(title: str, status: str, entries: Sequence[Shown]) -> str:
    """Return a headline and the end of the conversation, a line or a paragraph each."""
    outline = Outline(entries)
    lines = [f"{shown(title)} · {shown(status)}"]
    for part in outline.parts[-TEXT_GROUPS:]:
        lines += _part_text(outline, part)
    return "\n".join(lines)


class _Html:
    """The elements of entries."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    def part(self, part: Group | Entry, room: int) -> tuple[str, bool]:
        """Return a turn, or an entry outside of all turns, and whether all of it fits.

        Of a turn that is too long the newest items are taken, *room* bytes of them.
        """
        if isinstance(part, Entry):
            html = self._entry(part)
            fits = len(html.encode()) <= room
            return (html if fits else ""), fits
        turn = part.turn
        inside = list(_ending(turn))[::-1] if turn is not None else []
        if turn is not None:
            judged = map(words.annotation_line, self._outline.annotations(turn))
            inside = [_line(line, ACCENT) for line in judged][::-1] + inside
        for entry in reversed(part.items):
            html = self._entry(entry)
            room -= len(html.encode())
            if room < 0:
                return "\n".join(reversed(inside)), False
            inside.append(html)
        prompt = [self._prompt(turn)] if turn is not None else []
        fits = sum(len(html.encode()) for html in prompt) <= room
        return "\n".join(filter(None, [*(prompt if fits else []), *reversed(inside)])), fits

    def _entry(self, entry: Entry) -> str:
        judged = map(words.annotation_line, self._outline.annotations(entry))
        return self._alone(entry) + "".join(_line(line, ACCENT) for line in judged)

    def _alone(self, entry: Entry) -> str:
        match entry:
            case Message(role="thought"):
                return _folded("thought", _text(entry.text))
            case Message():
                text = self._markdown(entry) if entry.role == "agent" else _pre(entry.text)
                note = f" ({entry.status})" if entry.status else ""
                muted = f'<div style="color: {MUTED};">{escape(note)}</div>' if note else ""
                return text + muted + "".join(map(_part, entry.parts))
            case Tool():
                return self._tool(entry)
            case Plan():
                return _plan(entry)
            case Question():
                return self._question(entry)
            case Notice():
                line = _line(words.notice_line(entry), LEVELS.get(entry.level, MUTED))
                return line + (_folded("detail", _text(entry.detail)) if entry.detail else "")
            case Annotation(status=""):
                return _line(words.annotation_line(entry), ACCENT)
        return ""

    def _markdown(self, entry: Entry) -> str:
        blocks = self._outline.blocks(entry)
        end = blocks[-1].end if blocks else 0
        text = entry.text
        if not text.isascii():  # ends are counted in UTF-16 units
            rest = text.encode("utf-16-le", "surrogatepass")[2 * end :]
            tail = rest.decode("utf-16-le", "replace")
        else:
            tail = text[end:]
        shown_tail = _pre(tail) if tail.strip() else ""
        return f'<div style="margin: 6px 0;">{markdown_html(blocks)}{shown_tail}</div>'

    def _prompt(self, turn: Turn) -> str:
        text = turn.text or turn.title or "continued by itself"
        style = f"border-left: 3px solid {ACCENT}; padding: 2px 10px; margin: 12px 0 6px;"
        prompt = f'<b style="white-space: pre-wrap;">{_text(text)}</b>'
        return f'<div style="{style}">{prompt}{"".join(map(_part, turn.parts))}</div>'

    def _tool(self, tool: Tool) -> str:
        children = self._outline.children(tool)
        sign = words.SIGNS.get(tool.status, "○")
        facts = words.tool_facts(tool, len(children))
        name = f"{sign} {words.tool_title(tool)}{f' · {facts}' if facts else ''}"
        body = [_pre(", ".join(place.path for place in tool.locations))] if tool.locations else []
        if tool.input not in (None, {}, "") and not tool.diffs:
            body.append(_pre(_json(tool.input)))
        body += [_pre(terminal_lines(tool.text)), *map(_part, tool.parts)]
        if not tool.parts and not tool.text and tool.raw_output not in (None, "", {}):
            body.append(_pre(_json(tool.raw_output)))
        said = [tool.text, *(p.text for p in tool.parts if isinstance(p, parts.Text))]
        if tool.error and not any(text.startswith(tool.error) for text in said):
            body.append(_line(tool.error, BAD))
        body += [self._entry(entry) for entry in children]
        inside = "".join(filter(None, body))
        return _folded(name, inside) if inside else _line(name, MUTED)

    def _question(self, question: Question) -> str:
        title = f"{words.question_title(question)} — {words.answer_text(question)}"
        style = f"margin: 4px 0; color: {MUTED}; white-space: pre-wrap;"
        head = f'<div style="{style}">{_text(title)}</div>'
        body = "".join(map(_part, question.parts))
        if question.text and question.text != question.title:
            plan = question.question_kind == "plan"
            body = (self._markdown(question) if plan else _pre(question.text)) + body
        return head + body


def _ending(turn: Turn) -> Iterator[str]:
    if turn.error:
        yield _line(turn.error, BAD)
    state = " · ".join(filter(None, (words.turn_state(turn), words.usage_text(turn))))
    if state:
        yield _line(state, BAD if turn.status == "failed" else MUTED)


def _plan(plan: Plan) -> str:
    done = sum(step.status == "completed" for step in plan.steps)
    name = escape(shown(f"{plan.title or 'Plan'} · {done} of {len(plan.steps)}"))
    steps = "".join(
        f"<div>{words.STEPS.get(step.status, '○')} {escape(shown(step.text))}</div>"
        for step in plan.steps
    )
    return f'<div style="margin: 6px 0; color: {MUTED};">{name}{steps}</div>'


def _part(part: parts.Part) -> str:
    match part:
        case parts.Text():
            return _pre(part.text)
        case parts.Image():
            return _picture(part)
        case parts.Diff():
            return _pre(_diff(part))
        case parts.Terminal():
            return _pre(terminal_lines(part.text))
        case parts.Resource(text=str() as text):
            return _line(part.uri or "a file", MUTED) + _pre(text)
        case parts.Resource():
            return _line(f"{part.uri or 'a file'} {part.mime}".strip(), MUTED)
        case parts.Link():
            facts = (part.title, part.uri, part.description, part.mime)
            return _line(" · ".join(filter(None, facts)), MUTED)
        case parts.Audio():
            return _line(f"sound {part.mime}".strip(), MUTED)
    return _pre(_json(part.raw))


def _picture(image: parts.Image) -> str:
    mime, data = image.mime.lower(), image.data
    if mime not in PICTURES or not data or len(data) > PICTURE_CHARS or not _is_base64(data):
        return _line(f"picture {image.mime} {image.uri}".strip(), MUTED)
    source = f"data:{mime};base64,{data}"
    return f'<div><img alt="picture" style="max-width: 100%;" src="{source}"></div>'


def _is_base64(data: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9+/\s]*={0,2}\s*", data) is not None


def _diff(diff: parts.Diff) -> str:
    path = f"{diff.path} (moved to {diff.move_path})" if diff.move_path else diff.path
    if diff.patch:
        return f"{path}\n{diff.patch}"
    lines = [f"- {line}" for line in (diff.old or "").splitlines()]
    lines += [f"+ {line}" for line in diff.new.splitlines()]
    return "\n".join([path, *lines])


def terminal_lines(text: str) -> str:
    """Return terminal output without its control sequences; of a redrawn line, what came last."""
    plain = _CONTROL.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in plain.split("\n"))


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _folded(name: str, inside: str) -> str:
    summary = f'<summary style="color: {MUTED};">{escape(shown(name))}</summary>'
    return f'<details>{summary}<div style="{MONO} padding: 2px 14px;">{inside}</div></details>'


def _pre(text: str) -> str:
    return f'<div style="{MONO}">{_text(text)}</div>' if text else ""


def _line(text: str, colour: str) -> str:
    return f'<div style="color: {colour};">{_text(text)}</div>' if text else ""


def _plain(text: str) -> str:
    """Return *text* with its lines, cut, hidden characters made visible."""
    cut = text[:TEXT_CHARS] + ("…" if len(text) > TEXT_CHARS else "")
    return "\n".join(shown(line, len(line)) for line in cut.split("\n"))


def _text(text: str) -> str:
    return escape(_plain(text))


def _part_text(outline: Outline, part: Group | Entry) -> Iterator[str]:
    if isinstance(part, Entry):
        yield from _entry_text(outline, part, "")
        return
    turn = part.turn
    if turn is not None:
        yield f"> {shown(turn.text or turn.title or 'continued by itself')}"
    for entry in part.items:
        yield from _entry_text(outline, entry, "")
    if turn is not None and (state := words.turn_state(turn)):
        yield shown(f"✕ {state}: {turn.error}" if turn.error else f"· {state}")


def _entry_text(outline: Outline, entry: Entry, indent: str) -> Iterator[str]:
    match entry:
        case Message(role="agent"):
            yield indent + _plain(entry.text)
        case Tool():
            children = outline.children(entry)
            facts = words.tool_facts(entry, len(children))
            name = f"{words.SIGNS.get(entry.status, '○')} {words.tool_title(entry)}"
            yield indent + shown(name + (f" · {facts}" if facts else ""))
            for child in children:
                yield from _entry_text(outline, child, f"{indent}  ")
        case Question():
            answer = words.answer_text(entry).replace("\n", "; ")
            yield indent + shown(f"? {words.question_title(entry)} {answer}")
        case Plan():
            for step in entry.steps:
                yield indent + shown(f"{words.STEPS.get(step.status, '○')} {step.text}")
        case Notice() if entry.level != "quiet":
            yield indent + shown(f"· {words.notice_line(entry)}")
