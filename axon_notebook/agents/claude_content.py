"""Contents of Claude's messages: blocks, tool results, questions.

Source: the types of Claude Code's SDK (0.3.332) and runs of Claude Code 2.1.332.
"""

from __future__ import annotations

import re
from typing import Final

from .parts import (
    Audio,
    Choice,
    Diff,
    Field,
    Image,
    Link,
    Option,
    Part,
    Resource,
    Step,
    Text,
    Unknown,
    Usage,
)
from .untrusted import Fields, array, integer, obj, string, text

__all__ = [
    "KINDS",
    "always_option",
    "block_part",
    "edit_diffs",
    "joined",
    "local_output",
    "question_fields",
    "raw_result",
    "result_diffs",
    "result_parts",
    "todo_steps",
    "usage_of_models",
    "usage_of_result",
]

#: Tool kinds by tool name.
KINDS: Final = {
    "Agent": "agent",
    "Task": "agent",
    "Bash": "execute",
    "BashOutput": "execute",
    "Edit": "edit",
    "MultiEdit": "edit",
    "Write": "edit",
    "NotebookEdit": "edit",
    "Read": "read",
    "Glob": "search",
    "Grep": "search",
    "ToolSearch": "search",
    "WebSearch": "fetch",
    "web_search": "fetch",
    "WebFetch": "fetch",
    "web_fetch": "fetch",
    "code_execution": "execute",
    "ExitPlanMode": "switch_mode",
    "EnterPlanMode": "switch_mode",
}
STORED: Final = {
    "session": "for this session",
    "localSettings": "in this project's local settings",
    "projectSettings": "in this project's settings",
    "userSettings": "in the user's settings",
    "cliArg": "for this process",
}
TAGS: Final = re.compile(r"</?(?:local-)?command-[a-z-]+>")
#: Colours in what local commands print for a terminal.
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


def block_part(value: object) -> Part:
    """Return a content block that is not a tool call."""
    block = obj(value)
    source = obj(block.get("source"))
    match block.get("type"):
        case "text":
            return Text(text(block.get("text")))
        case "image":
            mime = text(source.get("media_type")) or text(block.get("mimeType"))
            data = text(source.get("data")) or text(block.get("data"))
            return Image(mime, data, text(source.get("url")))
        case "audio":
            return Audio(text(block.get("mimeType")), text(block.get("data")))
        case "document":
            mime, title = text(source.get("media_type")), text(block.get("title"))
            if source.get("type") == "text":
                return Resource(title, mime, text=string(source.get("data")))
            return Resource(title, mime, blob=string(source.get("data")))
        case "resource":
            inner = obj(block.get("resource"))
            mime = text(inner.get("mimeType"))
            return Resource(
                text(inner.get("uri")), mime, string(inner.get("text")), string(inner.get("blob"))
            )
        case "resource_link":
            return Link(text(block.get("uri")), text(block.get("title") or block.get("name")))
        case "web_search_result" | "search_result":
            uri = text(block.get("url")) or text(block.get("source"))
            return Link(uri, text(block.get("title")), text(block.get("page_age")))
        case "tool_reference":
            return Text(text(block.get("tool_name")))
    return Unknown(value)


def result_parts(content: object) -> list[Part]:
    """Return the content of a tool result."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    if isinstance(content, dict):
        return _result_object(content)
    return [block_part(block) for block in array(content)]


def raw_result(given: object, structured: object) -> object:
    """Return what a tool returned as it is kept; pictures are among the parts already."""
    pictures = any(obj(block).get("type") == "image" for block in array(given))
    if pictures or obj(structured).get("type") == "image":
        return None
    return structured if structured is not None else given


def _result_object(content: Fields) -> list[Part]:
    """Return the one object that some server tools have as their result."""
    if "stdout" in content or "stderr" in content:
        return [Text(text(content.get("stdout")) + text(content.get("stderr")))]
    if isinstance(inner := content.get("content"), dict | list | str):
        return result_parts(inner)
    if code := content.get("error_code"):
        return [Text(f"error: {code}")]
    return [block_part(content)]


def joined(content: object) -> str:
    """Return the texts of a message's content, a line or more each."""
    return "\n".join(part.text for part in result_parts(content) if isinstance(part, Text))


def local_output(words: str) -> str | None:
    """Return the output of a local command inside of its tags; ``None`` if there are no tags."""
    if "<local-command-" not in words and "<command-" not in words:
        return None
    if "<command-name>" in words:
        return ""
    return COLOURS.sub("", TAGS.sub("", words)).strip()


def edit_diffs(arguments: object) -> list[Part]:
    """Return what an editing tool is asked to change."""
    fields = obj(arguments)
    path = string(fields.get("file_path"))
    if path is None:
        return []
    edits = array(fields.get("edits")) or [fields]
    diffs: list[Part] = []
    for edit in map(obj, edits):
        old, new = edit.get("old_string"), edit.get("new_string")
        if isinstance(old, str) and isinstance(new, str):
            diffs.append(Diff(path, old, new))
    if not diffs and isinstance(new := fields.get("content"), str):
        diffs.append(Diff(path, None, new, change="add"))
    return diffs


def result_diffs(result: object) -> list[Part]:
    """Return what an editing tool has changed, by its structured result."""
    fields = obj(result)
    path, hunks = string(fields.get("filePath")), array(fields.get("structuredPatch"))
    if path is None or not hunks:
        return []
    lines = []
    for hunk in map(obj, hunks):
        starts = [hunk.get(name) for name in ("oldStart", "oldLines", "newStart", "newLines")]
        lines.append("@@ -{},{} +{},{} @@".format(*starts))
        lines += [line for line in array(hunk.get("lines")) if isinstance(line, str)]
    old, new = string(fields.get("oldString")), text(fields.get("newString"))
    return [Diff(path, old, new, patch="\n".join(lines) + "\n")]


def todo_steps(todos: object) -> list[Step]:
    """Return a todo list as the steps of a plan."""
    return [
        Step(text(todo.get("content")), text(todo.get("status"), "pending"))
        for todo in map(obj, array(todos))
    ]


def question_fields(arguments: Fields) -> list[Field]:
    """Return the questions of ``AskUserQuestion``; a question's text is the key of its answer."""
    found = []
    for question in map(obj, array(arguments.get("questions"))):
        choices = [
            Choice(
                text(option.get("label")),
                text(option.get("label")),
                text(option.get("description")),
                text(option.get("preview")),
            )
            for option in map(obj, array(question.get("options")))
        ]
        found.append(
            Field(
                id=text(question.get("question")),
                title=text(question.get("question")),
                description=text(question.get("header")),
                type="choices" if question.get("multiSelect") is True else "choice",
                choices=choices,
                required=True,
                free_text=True,
            )
        )
    return found


def always_option(request: Fields) -> Option | None:
    """Return the option that stores a rule, if the agent suggests any."""
    suggestions = list(map(obj, array(request.get("permission_suggestions"))))
    if not suggestions or request.get("suppress_always_allow_rule") is True:
        return None
    rules = []
    for suggestion in suggestions:
        for rule in map(obj, array(suggestion.get("rules"))):
            content = text(rule.get("ruleContent"))
            name = text(rule.get("toolName"))
            rules.append(f"{name}({content})" if content else name)
        if mode := text(suggestion.get("mode")):
            rules.append(f"mode {mode}")
        rules += [d for d in array(suggestion.get("directories")) if isinstance(d, str)]
    where = text(suggestions[0].get("destination"))
    stored = STORED.get(where, where)
    name = f"Always allow {', '.join(rules)}" if rules else "Always allow"
    return Option("always", name, "allow_always", stored)


def usage_of_result(used: object) -> Usage | None:
    """Return the tokens of a turn's main loop."""
    fields = obj(used)
    if not fields:
        return None
    return Usage(
        integer(fields.get("input_tokens")),
        integer(fields.get("output_tokens")),
        integer(fields.get("cache_read_input_tokens")),
        integer(fields.get("cache_creation_input_tokens")),
        integer(obj(fields.get("output_tokens_details")).get("thinking_tokens")),
    )


def usage_of_models(models: object) -> Usage | None:
    """Return the tokens of a turn with its subagents, by model."""
    found = [m for m in obj(models).values() if isinstance(m, dict)]
    if not found:
        return None

    def total(name: str) -> int | None:
        values = [integer(model.get(name)) for model in found]
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    return Usage(
        total("inputTokens"),
        total("outputTokens"),
        total("cacheReadInputTokens"),
        total("cacheCreationInputTokens"),
        total("thinkingTokens"),
    )
