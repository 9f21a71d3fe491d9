"""Values inside the entries of a trace: contents, steps, options, fields, settings.

All are frozen, encode to JSON objects by ``msgspec.json.encode``, and leave defaults out.
Contents carry their ``type``: ``text``, ``image``, ``audio``, ``resource``, ``link``, ``diff``,
``terminal``, ``unknown``.  Everything in them is untrusted text.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Audio",
    "Choice",
    "Command",
    "Diff",
    "Field",
    "Image",
    "Link",
    "Location",
    "Option",
    "Part",
    "Resource",
    "Setting",
    "Step",
    "Terminal",
    "Text",
    "Unknown",
    "Usage",
]


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="text"):
    """Text of a tool's output or of a prompt."""

    text: str


class Image(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="image"):
    """A picture: ``data`` is base64; with a ``uri`` alone there is nothing to show."""

    mime: str = ""
    data: str = ""
    uri: str = ""


class Audio(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="audio"):
    """Sound; ``data`` is base64."""

    mime: str = ""
    data: str = ""


class Resource(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="resource"):
    """An embedded file: ``text``, or ``blob`` in base64."""

    uri: str = ""
    mime: str = ""
    text: str | None = None
    blob: str | None = None


class Link(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="link"):
    """A named reference; ``uri`` is untrusted text and is never loaded."""

    uri: str = ""
    title: str = ""
    description: str = ""
    mime: str = ""
    size: int | None = None


class Diff(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="diff"):
    """A change of a file.

    Either ``old`` and ``new`` (``old`` is ``None`` for a new file), or ``patch``, which holds
    unified hunks.  ``change`` is ``add``, ``update``, ``delete`` or ``move``.
    """

    path: str = ""
    old: str | None = None
    new: str = ""
    patch: str = ""
    change: str = "update"
    move_path: str = ""


class Terminal(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="terminal"):
    """Output of a command, with escape sequences as they came."""

    text: str = ""
    exit_code: int | None = None
    signal: str = ""
    truncated: bool = False
    id: str = ""


class Unknown(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="unknown"):
    """A block that no codec knows; ``raw`` is its JSON value."""

    raw: Any = None


Part = Text | Image | Audio | Resource | Link | Diff | Terminal | Unknown


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one turn; ``input`` never includes cache, ``output`` always includes thought."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    thought: int | None = None


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a plan; ``status`` is ``pending``, ``in_progress`` or ``completed``."""

    text: str = ""
    status: str = "pending"
    priority: str = ""
    id: str = ""


class Location(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a file that a tool call is about."""

    path: str = ""
    line: int | None = None


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """A button of a question.

    Attributes:
        id: What an answer names.
        name: The label.
        kind: ``allow_once``, ``allow_always``, ``reject_once``, ``reject_always``, ``cancel``.
        stored: Where the rule of an "always" is kept, in words; empty if the agent does not say.
    """

    id: str = ""
    name: str = ""
    kind: str = ""
    stored: str = ""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that a field can have."""

    value: str = ""
    label: str = ""
    description: str = ""
    preview: str = ""


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """A field of a form, or one question of several.

    Attributes:
        id: The key of its value in the answer.
        type: ``string``, ``integer``, ``number``, ``boolean``, ``choice`` (one of ``choices``)
            or ``choices`` (any of them; the value is a list).
        free_text: Whether a value that is not among ``choices`` is allowed.
        format: ``email``, ``uri``, ``date``, ``date-time``, or ``multiline`` for long text.
        minimum: Least number, length of text, or number of choices; ``maximum`` likewise.
        secret: The value must not be shown or saved.
    """

    id: str = ""
    title: str = ""
    description: str = ""
    type: str = "string"
    choices: list[Choice] = []
    required: bool = False
    default: Any = None
    free_text: bool = False
    format: str = ""
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """A slash command; ``name`` is without the slash, ``hint`` describes its argument."""

    name: str = ""
    description: str = ""
    hint: str = ""


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """What can be switched in the session: a mode, a model, or another option of the agent.

    ``id`` is empty for ACP's modes and models, which have no id of their own.  ``category`` is
    ``mode``, ``model``, ``thought_level`` or what the agent says; ``type`` is ``select`` (one of
    ``choices``) or ``boolean``.
    """

    id: str = ""
    name: str = ""
    category: str = ""
    type: str = "select"
    value: Any = None
    choices: list[Choice] = []
