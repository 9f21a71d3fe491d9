"""Paths in what clients send to agents: ``/home/user`` becomes the devbox's directory.

Every example of Runloop begins a session with ``"cwd": "/home/user"``.  Only fields that
hold paths are changed, in all protocols the same ones; the other bytes stay as they are,
and text inside prompts and commands is never rewritten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ..devboxes.paths import RUNLOOP_HOME

__all__ = ["map_arguments", "map_paths"]

#: The fields that hold a path, or a list of paths.
PATH_FIELDS: Final = frozenset(
    {
        *("additionalDirectories", "cwd", "path", "paths", "root", "roots", "uri"),
        *("outputPath", "sessionPath", "writableRoots"),
    }
)

FILE_URI: Final = "file://"

MapPath = Callable[[str], str]


def map_paths(payload: str, map_path: MapPath) -> str:
    """Return the JSON *payload* with its paths as a process of the devbox must see them.

    What is not JSON is returned as it is: it is refused elsewhere.
    """
    if RUNLOOP_HOME not in payload:
        return payload
    try:
        return _mapped(payload.encode(), "", map_path).decode()
    except msgspec.DecodeError:
        return payload


def map_arguments(arguments: list[str], map_path: MapPath) -> list[str]:
    """Return command line *arguments* with those changed that are paths, or end in ``=PATH``."""
    return [_argument(each, map_path) for each in arguments]


def _argument(argument: str, map_path: MapPath) -> str:
    option, equals, path = argument.partition("=")
    if equals and option.startswith("-"):
        return f"{option}={_mapped_path(path, map_path)}"
    return _mapped_path(argument, map_path)


def _mapped(raw: bytes, field: str, map_path: MapPath) -> bytes:
    if RUNLOOP_HOME.encode() not in raw:
        return raw
    match raw.lstrip()[:1]:
        case b"{":
            fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            mapped = {k: msgspec.Raw(_mapped(bytes(v), k, map_path)) for k, v in fields.items()}
            return msgspec.json.encode(mapped)
        case b"[":
            items = msgspec.json.decode(raw, type=list[msgspec.Raw])
            return msgspec.json.encode(
                [msgspec.Raw(_mapped(bytes(item), field, map_path)) for item in items]
            )
        case b'"' if field in PATH_FIELDS:
            return msgspec.json.encode(_mapped_path(msgspec.json.decode(raw, type=str), map_path))
    return raw


def _mapped_path(path: str, map_path: MapPath) -> str:
    if path.startswith(FILE_URI):
        return FILE_URI + _mapped_path(path.removeprefix(FILE_URI), map_path)
    inside = path == RUNLOOP_HOME or path.startswith(f"{RUNLOOP_HOME}/")
    return map_path(path) if inside else path
