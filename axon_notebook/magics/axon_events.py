"""``%axon events``: the newest events, or those after one."""

from __future__ import annotations

from typing import Any, Final

from ..sql.shaping import Shape, shaped
from .command_requests import LIMIT, request
from .options import Option
from .registry import AXON, OUT, Call, Magic

__all__ = ["MAGICS"]

_CONDITIONS: Final = {
    "after": "sequence > :after",
    "type": "event_type GLOB :type",
    "source": "source GLOB :source",
    "origin": "origin GLOB upper(:origin) || '*'",
}


def _events(call: Call) -> Any:
    from ..sql.binding import bind

    given = call.options
    values = {key: given[key] for key in _CONDITIONS if key in given}
    where = f"WHERE {' AND '.join(_CONDITIONS[key] for key in values)}" if values else ""
    order = "ASC" if "after" in given else "DESC"
    sql = f"SELECT * FROM events {where} ORDER BY sequence {order} LIMIT :count"
    # The history, whatever tables the axon has.
    bound = bind(sql, {**values, "count": given.get("limit", 20)}, events=True)
    axon = call.axon()
    result = request(call, lambda: axon.execute(bound.sql, bound.params))
    if order == "DESC":
        result.rows.reverse()
    json = ["payload"] if given.get("json") else []
    shape = Shape(json=json, expand="payload" if given.get("expand") else None, dates=True)
    return shaped(result, shape, axon_id=axon.id, sql=sql)


MAGICS: Final = (
    Magic(
        "axon events",
        "the newest events",
        _events,
        (
            LIMIT,
            Option("--type", "", "text", "TYPE", "only this event type; * is any text"),
            Option("--source", "", "text", "SOURCE", "only this source; * is any text"),
            Option("--origin", "", "text", "ORIGIN", "only this origin: user, agent, …"),
            Option("--after", "", "integer", "SEQUENCE", "the first events after this one"),
            Option("--json", "", "flag", "", "decode the payloads"),
            Option("--expand", "", "flag", "", "a column for each key of the payloads"),
            AXON,
            OUT,
        ),
        most=0,
    ),
)
