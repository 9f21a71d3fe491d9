"""A conversation as a saved notebook shows it: HTML that needs no kernel, and text.

The same rules as for events (:mod:`.snapshot`): only what a notebook's sanitizers
keep, every text escaped, no script, no style sheet, no address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from ..agents.model import Entry, Message, Notice, Plan, Question, Tool, Turn
from ..agents.parts import Diff
from ..agents.trace import Trace
from ..models import AxonEvent
from .snapshot import shown

__all__ = ["chat_html", "chat_text", "entries_of"]

HTML_BYTES: Final = 128 * 1024  # a notebook is mailed around
TEXT_ENTRIES: Final = 20
TEXT_CHARS: Final = 20_000  # of one message
MUTED: Final = "#808080"  # reads on white and on #111
ACCENT: Final = "#3b82c4"
BAD: Final = "#d05050"
MONO: Final = "font-family: monospace; white-space: pre-wrap;"
SIGNS: Final = {"completed": "✓", "failed": "✕", "in_progress": "◌"}
STEPS: Final = {"completed": "✓", "in_progress": "◐"}


def entries_of(events: Sequence[AxonEvent], protocol: str) -> list[Entry]:
    """Return the conversation that *events* hold."""
    trace = Trace(protocol)
    for event in events:
        trace.feed(event)
    return trace.entries


def chat_html(title: str, status: str, entries: Sequence[Entry]) -> str:
    """Return the newest part of a conversation that fits, oldest first."""
    turns = sum(entry.kind == "turn" for entry in entries)
    count = f"{turns:,} turn{'' if turns == 1 else 's'}"
    head = f"<b>{escape(shown(title))}</b> · {escape(shown(status))} · {count}"
    parts: list[str] = []
    size = 0
    for entry in reversed(entries):
        part = _entry_html(entry)
        size += len(part.encode())
        if size > HTML_BYTES:
            parts.append(f'<div style="color: {MUTED};">… earlier parts are not saved</div>')
            break
        parts.append(part)
    return "\n".join(
        [
            '<div style="font-family: system-ui, sans-serif; font-size: 13px; max-width: 760px;">',
            f'<div style="padding: 4px 0; color: {MUTED};">{head}</div>',
            *(part for part in reversed(parts) if part),
            "</div>",
        ]
    )


def chat_text(title: str, status: str, entries: Sequence[Entry]) -> str:
    """Return a headline and the end of the conversation, a line or a paragraph each."""
    lines = [f"{shown(title)} · {shown(status)}"]
    for entry in entries[-TEXT_ENTRIES:]:
        lines += list(_entry_text(entry))
    return "\n".join(lines)


def _entry_html(entry: Entry) -> str:
    match entry:
        case Turn():
            style = f"border-left: 3px solid {ACCENT}; padding: 2px 10px; margin: 12px 0 6px;"
            prompt = f'<div style="{style} white-space: pre-wrap;"><b>{_text(entry.text)}</b></div>'
            return (prompt if entry.text else "") + _line(_ending(entry), bool(entry.error))
        case Message(role="thought"):
            return _folded("thought", entry.text)
        case Message():
            return f'<div style="white-space: pre-wrap; margin: 6px 0;">{_text(entry.text)}</div>'
        case Tool():
            return _tool(entry)
        case Plan():
            steps = "".join(
                f"<div>{STEPS.get(s.status, '○')} {escape(shown(s.text))}</div>"
                for s in entry.steps
            )
            return f'<div style="margin: 6px 0; color: {MUTED};">{steps}</div>'
        case Question():
            words = f"Permission: {entry.title} — {_answer(entry)}"
            return f'<div style="margin: 4px 0; color: {MUTED};">{escape(shown(words))}</div>'
        case Notice():
            return _line(f"{entry.title} {entry.text}".strip(), entry.level == "error")
    return ""


def _tool(entry: Tool) -> str:
    name = f"{SIGNS.get(entry.status, '○')} {entry.title or entry.name or 'a tool'}"
    parts = [part for part in (entry.text, *map(_diff, entry.diffs)) if part]
    return _folded(name, "\n".join(parts)) if parts else _line(name, entry.status == "failed")


def _diff(diff: Diff) -> str:
    lines = [f"- {line}" for line in (diff.old or "").splitlines()]
    lines += [f"+ {line}" for line in diff.new.splitlines()]
    return "\n".join([diff.path, *lines])


def _folded(name: str, text: str) -> str:
    summary = f'<summary style="color: {MUTED};">{escape(shown(name))}</summary>'
    return f'<details>{summary}<div style="{MONO} padding: 2px 14px;">{_text(text)}</div></details>'


def _line(text: str, bad: bool) -> str:
    colour = BAD if bad else MUTED
    return f'<div style="color: {colour};">{escape(shown(text))}</div>' if text else ""


def _entry_text(entry: Entry) -> Iterator[str]:
    match entry:
        case Turn():
            if entry.text:
                yield f"> {shown(entry.text)}"
            if entry.error:
                yield shown(f"✕ {_ending(entry)}")
        case Message(role="agent"):
            yield _plain(entry.text)
        case Tool():
            yield shown(f"{SIGNS.get(entry.status, '○')} {entry.title or entry.name}")
        case Question():
            yield shown(f"? {entry.title}: {_answer(entry)}")
        case Notice():
            yield shown(f"· {entry.title} {entry.text}")


def _answer(entry: Question) -> str:
    if entry.status != "answered":
        return {"open": "not answered yet"}.get(entry.status, "not answered")
    names = {option.id: option.name for option in entry.options}
    answer = str(entry.answer)
    return names.get(answer, answer)


def _ending(entry: Turn) -> str:
    if entry.error:
        return f"failed: {entry.error}"
    if entry.status == "running":
        return "working"
    return "" if entry.stop_reason in ("", "end_turn") else entry.stop_reason.replace("_", " ")


def _plain(text: str) -> str:
    """Return *text* with its lines, cut, hidden characters made visible."""
    cut = text[:TEXT_CHARS] + ("…" if len(text) > TEXT_CHARS else "")
    return "\n".join(shown(line, len(line)) for line in cut.split("\n"))


def _text(text: str) -> str:
    return escape(_plain(text))
