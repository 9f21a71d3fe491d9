"""One statement to many axons in few requests, where the server has an endpoint for that.

The embedded service has; it answers for 100 axons at once.  What it did not answer, for whatever
reason, is left to a request for each axon, which tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from .errors import AxonError
from .fan_out import fan_out
from .models import NO_SUCH_ENDPOINT, SqlResult
from .sql.splitting import verb_of

if TYPE_CHECKING:
    from .axon import Axon

__all__ = ["answered_together"]

AXONS: Final = 100
_READS: Final = ("SELECT", "VALUES")


def answered_together(
    axons: Sequence[Axon],
    sql: str,
    params: Sequence[Any],
    *,
    on_progress: Callable[[int], None] = lambda done: None,
) -> dict[str, SqlResult]:
    """Return the results of those axons that could be asked together, by their ids.

    Args:
        axons: All of one client.
        sql: One statement; nothing is asked if it does not only read.
        params: Values for ``?``.
        on_progress: Called in this thread with how many axons were asked.
    """
    if len(axons) < 2 or not axons[0].api.accepts_many or verb_of(sql) not in _READS:
        return {}
    api = axons[0].api
    parts = [[axon.id for axon in axons[n : n + AXONS]] for n in range(0, len(axons), AXONS)]
    found: dict[str, SqlResult] = {}
    # The first alone: it tells whether there is such an endpoint.
    for some in (parts[:1], parts[1:]):
        outcomes = fan_out(
            some,
            lambda ids: api.query_many(ids, sql, params),
            on_progress=lambda done: on_progress(len(found) + AXONS * done),
        )
        for outcome in outcomes:
            if isinstance(outcome.error, AxonError):
                if getattr(outcome.error, "status", None) in NO_SUCH_ENDPOINT:
                    api.accepts_many = False
                    return found
            elif outcome.error is not None:
                raise outcome.error
            for answer in outcome.value or ():
                if answer.success is not None:
                    found[answer.axon_id] = answer.success
    return found
