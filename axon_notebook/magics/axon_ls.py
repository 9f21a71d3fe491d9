"""``%axon ls``: the axons there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from .command_requests import LIMIT, request
from .options import Option
from .registry import OUT, Call, Magic
from .set_cell import SINCE, UNTIL, axons_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MAGICS"]


def _ls(call: Call) -> Any:
    count = 1_000_000 if call.options.get("all") else call.options.get("limit", 20)
    session = call.magics.session
    filtered = len(call.words) > 1 or call.options.keys() & {"since", "until"}
    pattern = filtered or any(mark in word for word in call.words for mark in "*?[")
    if pattern and "search" in call.options:
        raise ParameterError("--search is for a listing without a pattern: leave one of both out")
    listed = request(call, lambda: _matching(call, count) if pattern else _beginning(call, count))
    listed.attrs["axon"] = {}
    session.seen = list(dict.fromkeys([*session.seen, *listed["name"].dropna()]))
    return listed


def _matching(call: Call, count: int) -> pd.DataFrame:
    return axons_of(call, call.words, count).frame()


def _beginning(call: Call, count: int) -> pd.DataFrame:
    prefix = call.words[0] if call.words else None
    client = call.magics.session.client
    return client.axons(prefix, limit=count, search=call.options.get("search"))


MAGICS: Final = (
    Magic(
        "axon ls",
        "list axons, newest first",
        _ls,
        (
            LIMIT,
            Option("--all", "", "flag", "", "all of them"),
            Option("--search", "", "text", "TEXT", "only ids or names that contain TEXT"),
            SINCE,
            UNTIL,
            OUT,
        ),
        arguments="[PREFIX | PATTERN …]",
        completes="axon",
        most=100,
    ),
)
