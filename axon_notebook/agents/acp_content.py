"""Contents of ACP messages: blocks, tool output, forms, settings.

Source: Agent Client Protocol, schema v1.
"""

from __future__ import annotations

from collections.abc import Iterable

from .parts import (
    Audio,
    Choice,
    Command,
    Diff,
    Field,
    Image,
    Link,
    Location,
    Option,
    Part,
    Resource,
    Setting,
    Step,
    Terminal,
    Text,
    Unknown,
)
from .untrusted import Fields, array, integer, number, obj, string, text

__all__ = [
    "commands",
    "content_part",
    "content_parts",
    "form_fields",
    "joined_text",
    "locations",
    "options",
    "settings",
    "settings_of_session",
    "steps",
    "tool_parts",
]

#: Names of fields whose values are secrets, in lower case.
SECRET = ("password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "credential")


def content_part(value: object) -> Part:
    """Return a content block."""
    block = obj(value)
    match block.get("type"):
        case "text":
            return Text(text(block.get("text")))
        case "image":
            mime, data = text(block.get("mimeType")), text(block.get("data"))
            return Image(mime, data, text(block.get("uri")))
        case "audio":
            return Audio(text(block.get("mimeType")), text(block.get("data")))
        case "resource_link":
            return Link(
                text(block.get("uri")),
                text(block.get("title")) or text(block.get("name")),
                text(block.get("description")),
                text(block.get("mimeType")),
                integer(block.get("size")),
            )
        case "resource":
            inner = obj(block.get("resource"))
            return Resource(
                text(inner.get("uri")),
                text(inner.get("mimeType")),
                string(inner.get("text")),
                string(inner.get("blob")),
            )
    return Unknown(value)


def content_parts(value: object) -> list[Part]:
    """Return content blocks: one, several, or a plain text as some agents send it."""
    if isinstance(value, str):
        return [Text(value)] if value else []
    if isinstance(value, list):
        return [part for block in value for part in content_parts(block)]
    return [] if value is None else [content_part(value)]


def joined_text(parts: Iterable[Part]) -> str:
    """Return the texts among *parts*, a line or more each."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def tool_parts(content: object) -> list[Part]:
    """Return the output of a tool call."""
    parts: list[Part] = []
    for item in map(obj, array(content)):
        match item.get("type"):
            case "content":
                parts += content_parts(item.get("content"))
            case "diff":
                old = string(item.get("oldText"))
                change = "add" if old is None else "update"
                path, new = text(item.get("path")), text(item.get("newText"))
                parts.append(Diff(path, old, new, change=change))
            case "terminal":
                parts.append(Terminal(id=text(item.get("terminalId"))))
            case _:
                parts.append(Unknown(item))
    return parts


def locations(value: object) -> list[Location] | None:
    """Return places in files; ``None`` if none are given."""
    if not isinstance(value, list):
        return None
    return [Location(text(i.get("path")), integer(i.get("line"))) for i in map(obj, value)]


def steps(value: object) -> list[Step]:
    """Return the entries of a plan."""
    return [
        Step(
            text(entry.get("content")),
            text(entry.get("status"), "pending"),
            text(entry.get("priority")),
        )
        for entry in map(obj, array(value))
    ]


def options(value: object) -> list[Option]:
    """Return the options of a permission request, as the agent offers them."""
    found = []
    for option in map(obj, array(value)):
        name = text(option.get("name")) or text(option.get("optionId"))
        kind = text(option.get("kind"))
        stored = "by the agent" if kind.endswith("_always") else ""
        found.append(Option(text(option.get("optionId")), name, kind, stored))
    return found


def commands(value: object) -> list[Command]:
    """Return slash commands."""
    return [
        Command(
            text(c.get("name")).removeprefix("/"),
            text(c.get("description")),
            text(obj(c.get("input")).get("hint")),
        )
        for c in map(obj, array(value))
        if c.get("name")
    ]


def settings(value: object) -> list[Setting] | None:
    """Return config options; ``None`` if none are given."""
    if not isinstance(value, list):
        return None
    found = []
    for option in map(obj, value):
        choices = []
        for item in map(obj, array(option.get("options"))):
            group = array(item.get("options"))
            choices += [_choice(i) for i in map(obj, group or [item])]
        found.append(
            Setting(
                text(option.get("id")),
                text(option.get("name")),
                text(option.get("category")),
                text(option.get("type"), "select"),
                option.get("currentValue"),
                choices,
            )
        )
    return found


def settings_of_session(answer: Fields) -> list[Setting] | None:
    """Return what can be switched in a session: config options, or modes and models."""
    if (found := settings(answer.get("configOptions"))) is not None:
        return found
    found = []
    for category, one, many, key in (
        ("mode", "currentModeId", "availableModes", "id"),
        ("model", "currentModelId", "availableModels", "modelId"),
    ):
        given = obj(answer.get(f"{category}s"))
        if not given:
            continue
        choices = [
            Choice(text(c.get(key)), text(c.get("name")), text(c.get("description")))
            for c in map(obj, array(given.get(many)))
        ]
        title = category.capitalize()
        found.append(Setting("", title, category, "select", given.get(one), choices))
    return found or None


def form_fields(schema: object) -> list[Field]:
    """Return the fields of an elicitation's schema, a flat JSON Schema object."""
    fields = obj(schema)
    required = {name for name in array(fields.get("required")) if isinstance(name, str)}
    return [
        _field(name, obj(prop), name in required)
        for name, prop in obj(fields.get("properties")).items()
    ]


def _field(name: str, prop: Fields, required: bool) -> Field:
    types = [t for t in array(prop.get("type")) if t != "null"]  # a union with null is optional
    kind = text(prop.get("type") if not types else types[0], "string")
    items = obj(prop.get("items")) if kind == "array" else prop
    listed = items.get("oneOf") or items.get("anyOf")
    choices = [_choice({"value": c.get("const"), **c}) for c in map(obj, array(listed))]
    names = array(prop.get("enumNames"))
    for place, value in enumerate(array(items.get("enum"))):
        label = names[place] if place < len(names) else value
        choices.append(Choice(str(value), str(label)))
    if kind == "array":
        kind = "choices"
    elif choices:
        kind = "choice"
    elif kind not in ("integer", "number", "boolean"):
        kind = "string"
    sizes = {"choices": "Items", "string": "Length"}.get(kind, "imum")
    lowered = f"{name} {text(prop.get('title'))}".lower()
    return Field(
        id=name,
        title=text(prop.get("title")) or name,
        description=text(prop.get("description")),
        type=kind,
        choices=choices,
        required=required,
        default=prop.get("default"),
        format=text(prop.get("format")),
        pattern=text(prop.get("pattern")),
        minimum=number(prop.get(f"min{sizes}")),
        maximum=number(prop.get(f"max{sizes}")),
        secret=prop.get("format") == "password"
        or prop.get("writeOnly") is True
        or any(word in lowered for word in SECRET),
    )


def _choice(value: Fields) -> Choice:
    chosen = value.get("value")
    label = text(value.get("name")) or text(value.get("title")) or text(value.get("label"))
    shown = chosen if isinstance(chosen, str) else "" if chosen is None else str(chosen)
    return Choice(shown, label or shown, text(value.get("description")))
