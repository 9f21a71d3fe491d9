"""``%axon ls``: the axons there are."""

from __future__ import annotations

from typing import Any, Final

from .command_requests import LIMIT, request
from .options import Option
from .registry import OUT, Call, Magic

__all__ = ["MAGICS"]


def _ls(call: Call) -> Any:
    prefix = call.words[0] if call.words else None
    count = 1_000_000 if call.options.get("all") else call.options.get("limit", 20)
    session = call.magics.session
    search = call.options.get("search")
    listed = request(call, lambda: session.client.axons(prefix, limit=count, search=search))
    listed.attrs["axon"] = {}
    session.seen = list(dict.fromkeys([*session.seen, *listed["name"].dropna()]))
    return listed


MAGICS: Final = (
    Magic(
        "axon ls",
        "list axons, newest first",
        _ls,
        (
            LIMIT,
            Option("--all", "", "flag", "", "all of them"),
            Option("--search", "", "text", "TEXT", "only ids or names that contain TEXT"),
            OUT,
        ),
        arguments="[PREFIX]",
        completes="axon",
    ),
)
