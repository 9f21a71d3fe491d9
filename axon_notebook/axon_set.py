"""Many axons as one: the same question to all of them, one frame as the answer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from .asking_together import answered_together
from .axon import Axon
from .axon_set_trace import SUMMARY, AxonSetTrace, run_summary
from .errors import AxonError, ParameterError
from .fan_out import Outcome, fan_out
from .progress import ProgressLine
from .summary_cache import SummaryCache, cache_directory
from .visible import visible

if TYPE_CHECKING:
    import pandas as pd

    from .agents.axon_trace import AxonTrace
    from .dataset_export import Exported
    from .models import AxonInfo, Redact, SqlResult
    from .wire.api import ApiClient

__all__ = ["AxonSet", "moment", "select"]

R = TypeVar("R")

Params = Sequence[Any] | Mapping[str, Any] | None
When = str | datetime | date | None

#: ``since="7d"``: a number and one of these.
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE: Final = re.compile(r"(\d+)([mhdw])")
SHOWN: Final = 5  # names in a message
HEAD: Final = "SELECT max(sequence) FROM rl_axon_events"


class AxonSet(Sequence[Axon]):
    """Axons to be asked together, newest first; owns nothing to close.

    ::

        axons = client.axon_set("nightly-*", since="7d")
        axons.sql("SELECT event_type, count(*) AS n FROM rl_axon_events GROUP BY 1")

    At most 16 requests run at once.  An axon that fails does not lose the others: the frame has
    the rest, ``frame.attrs["axon"]["failed"]`` names it with its reason, and :meth:`retry` asks
    only those again.  Frames begin with the columns ``axon`` (id) and ``axon_name``.

    Made by :meth:`Client.axon_set`.  Its methods block, show a progress line when they take
    more than a second, and stop at Ctrl-C.  A set is fixed when it is made; :meth:`newer` finds
    what matches since then.

    Args:
        api: Borrowed.
        infos: The axons, newest first.
        find: Looks again for all axons that match.
    """

    def __init__(
        self,
        api: ApiClient,
        infos: Sequence[AxonInfo],
        find: Callable[[], list[AxonInfo]],
        *,
        place: str = "",
    ) -> None:
        self._api = api
        self._find = find
        self._infos = list(infos)
        self._place = place  # which server, for what is kept on this machine
        self._axons = [Axon(api, info) for info in infos]
        self._retry: Callable[[], pd.DataFrame] | None = None

    def __len__(self) -> int:
        return len(self._axons)

    @overload
    def __getitem__(self, place: int) -> Axon: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Axon]: ...
    def __getitem__(self, place: int | slice) -> Axon | Sequence[Axon]:
        return self._axons[place]

    def __iter__(self) -> Iterator[Axon]:
        return iter(self._axons)

    def __repr__(self) -> str:
        names = [visible(axon.name or axon.id) for axon in self._axons[:SHOWN]]
        more = f", … {len(self) - SHOWN:,} more" if len(self) > SHOWN else ""
        return f"<AxonSet of {len(self):,} axons: {', '.join(names)}{more}>"

    def frame(self) -> pd.DataFrame:
        """Return the axons themselves: ``id``, ``name``, ``created`` (UTC), ``metadata``."""
        from .sql.frames import axons_frame

        return axons_frame(self._infos)

    def newer(self) -> list[Axon]:
        """Ask the server which axons match now that are not in the set, oldest first."""
        known = {info.id for info in self._infos}
        return [Axon(self._api, info) for info in reversed(self._find()) if info.id not in known]

    # -- questions

    def sql(self, query: str, params: Params = None, *, progress: bool = True) -> pd.DataFrame:
        """Run one statement on every axon; return all rows, typed as one column each.

        Columns are matched by name; an axon without one has NULL there.

        Args:
            query: ``?`` takes its value from a list, ``:name`` from a mapping.
            params: The values; never spliced into the text.
            progress: Show a line when it takes more than a second.

        Raises:
            AxonError: Every axon failed; the first reason.
        """
        from .sql.frames import set_result_frame

        def run(axon: Axon) -> Any:
            return axon.execute(query, params)

        known = self._together(query, params, progress)
        return self._ask(run, lambda parts: set_result_frame(parts, sql=query), progress, known)

    def events(
        self,
        limit: int = 1000,
        *,
        event_type: str | None = None,
        source: str | None = None,
        origin: str | None = None,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Return each axon's newest *limit* events, oldest first within an axon.

        The filters are those of :meth:`Axon.events`.
        """
        from .sql.frames import set_frame

        def read(axon: Axon) -> Any:
            return axon.events(limit, event_type=event_type, source=source, origin=origin)

        return self._ask(read, set_frame, progress)

    def map(self, function: Callable[[Axon], R], *, progress: bool = True) -> list[R | Exception]:
        """Call *function* with each axon, in worker threads; return what it returned, in order.

        Where it raised, the exception stands in its place.
        """
        outcomes = self._run(self._axons, function, progress)
        return [o.error if o.error is not None else o.value for o in outcomes]  # type: ignore[misc]

    def trace(self, *, as_of: int | None = None, progress: bool = True) -> AxonSetTrace:
        """Read every history as the trace of its agent's runs; see :meth:`Axon.trace`.

        Axons that cannot be read are named in the frames' ``attrs["axon"]["failed"]``.

        Raises:
            AxonError: Every axon failed; the first reason.
        """
        traces: list[tuple[Axon, AxonTrace]] = []
        failed: dict[str, Exception] = {}
        outcomes = self._run(self._axons, lambda axon: axon.trace(as_of=as_of), progress)
        for axon, outcome in zip(self._axons, outcomes, strict=True):
            if outcome.value is not None:
                traces.append((axon, outcome.value))
            elif outcome.error is not None:
                failed[axon.id] = outcome.error
        if failed and not traces:
            raise self._all_failed(failed)
        reasons = {key: str(error).partition("\n")[0] for key, error in failed.items()}
        return AxonSetTrace(traces, reasons, _refresh)

    def summary(self, *, cache: bool = True, progress: bool = True) -> pd.DataFrame:
        """Return one row per run: agent, state, times, turns, calls, tokens, cost.

        :meth:`AxonSetTrace.summary` says what the columns are.  What a history says up to its
        newest event is kept in the platform's cache directory, where only its owner reads it: of an
        axon without new events only the newest sequence is asked for.

        Args:
            cache: ``False`` reads every history anew, and keeps nothing.
            progress: Show a line when it takes more than a second.

        Raises:
            AxonError: Every axon failed; the first reason.
        """
        kept = SummaryCache(self._place, cache_directory()) if cache else None
        known = kept.rows(self._heads(progress)) if kept is not None else {}
        new: dict[str, dict[str, Any]] = {}

        def read(axon: Axon) -> dict[str, Any]:
            new[axon.id] = row = run_summary(axon.trace())
            return row

        frame = self._ask(read, _summary_frame, progress, known)
        if kept is not None:
            kept.keep((axon, row["last_sequence"] or 0, row) for axon, row in new.items())
        return frame

    def _heads(self, progress: bool) -> dict[str, int]:
        """Return the newest sequence of each axon that tells it, 0 where there is no event."""
        results = self._together(HEAD, (), progress)
        rest = [axon for axon in self._axons if axon.id not in results]
        outcomes = self._run(rest, lambda axon: axon.execute(HEAD), progress)
        for axon, outcome in zip(rest, outcomes, strict=True):
            if outcome.value is not None:
                results[axon.id] = outcome.value
        return {axon: result.rows[0][0] or 0 for axon, result in results.items()}

    def compare(self, *, progress: bool = True) -> pd.DataFrame:
        """Return tool calls against runs: how often each run made each call.

        Returns:
            One row per name and input, in the order of their first appearance: ``name``, ``input``
            (JSON), ``runs`` (how many made it), then a column of counts per axon, named by its
            id.
        """
        from .comparison import call_matrix

        trace = self.trace(progress=progress)
        read = [axon.id for axon in self._axons if axon.id in trace]
        return call_matrix([(axon_id, trace[axon_id].entries) for axon_id in read])

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        redact: Redact | None = None,
        options: Mapping[str, Any] | None = None,
        progress: bool = True,
    ) -> Exported:
        """Write what is new since the last export as Parquet; :func:`open_dataset` reads it.

        A killed export leaves a dataset that can be read, and the next one continues it.  Only
        one export writes at a time.

        Args:
            path: A local directory, or an fsspec URL such as ``s3://bucket/runs``.
            redact: Called with every event; returns what to write, or ``None`` to leave it out.
            options: For fsspec, such as credentials.
            progress: Show a line when it takes more than a second.

        Raises:
            ParameterError: A package is missing.
            AxonError: Another export is writing, or every axon failed.
        """
        from .dataset_export import export
        from .dataset_files import DatasetFiles

        files = DatasetFiles(path, dict(options or {}))
        return export(self._axons, files, redact=redact, progress=progress)

    def retry(self) -> pd.DataFrame:
        """Ask those axons again that failed last time; return the whole frame.

        Raises:
            ParameterError: Nothing failed, or nothing was asked yet.
        """
        if self._retry is None:
            raise ParameterError("nothing to retry: no axon of the last question failed")
        return self._retry()

    # -- how

    def _together(self, sql: str, params: Params, progress: bool) -> dict[str, SqlResult]:
        """Return what axons answered that could be asked in one request."""
        if isinstance(params, Mapping):
            return {}
        line = ProgressLine("asked", len(self), "axons", shown=progress)
        found = answered_together(self._axons, sql, params or (), on_progress=line.show)
        line.end()
        return found

    def _ask(
        self,
        work: Callable[[Axon], Any],
        build: Callable[[list[tuple[Axon, Any]]], pd.DataFrame],
        progress: bool,
        known: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Run *work* on the axons that have no answer in *known*; build one frame of all."""
        answers = dict(known or {})
        todo = [axon for axon in self._axons if axon.id not in answers]
        failed: dict[str, Exception] = {}
        for axon, outcome in zip(todo, self._run(todo, work, progress), strict=True):
            if outcome.error is not None:
                failed[axon.id] = outcome.error
            else:
                answers[axon.id] = outcome.value
        self._retry = (lambda: self._ask(work, build, progress, answers)) if failed else None
        if failed and not answers:
            raise self._all_failed(failed)
        frame = build([(a, answers[a.id]) for a in self._axons if a.id in answers])
        reasons = {key: str(error).partition("\n")[0] for key, error in failed.items()}
        frame.attrs["axon"] = {**frame.attrs.get("axon", {}), "failed": reasons}
        return frame

    def _run(
        self, axons: Sequence[Axon], work: Callable[[Axon], R], progress: bool
    ) -> list[Outcome[R]]:
        line = ProgressLine("asked", len(axons), "axons", shown=progress)
        outcomes = fan_out(axons, work, on_progress=line.show)
        line.end()
        return outcomes

    def _all_failed(self, failed: Mapping[str, Exception]) -> Exception:
        first = next(iter(failed.values()))
        if len(failed) == 1 or not isinstance(first, AxonError):
            return first
        return AxonError(f"all {len(failed):,} axons failed; the first: {first}")


def _refresh(traces: Sequence[AxonTrace]) -> int:
    """Read what is new in each of *traces*; return how many events that were."""
    outcomes = fan_out(traces, lambda trace: trace.refresh())
    error = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    if error is not None:
        raise error
    return sum(outcome.value or 0 for outcome in outcomes)


def _summary_frame(rows: Sequence[tuple[Axon, Mapping[str, Any]]]) -> pd.DataFrame:
    from .sql.frames import set_typed_frame

    parts = [(axon, {name: [row[name]] for name in SUMMARY}) for axon, row in rows]
    return set_typed_frame(SUMMARY, parts)


def select(
    infos: Sequence[AxonInfo],
    pattern: str | None,
    *,
    since: When = None,
    until: When = None,
) -> list[AxonInfo]:
    """Return those of *infos* whose name matches the glob *pattern* and whose time fits."""
    first, last = moment(since), moment(until)
    return [
        info
        for info in infos
        if not info.deleted_at_ms
        and (pattern is None or fnmatchcase(info.name or "", pattern))
        and (first is None or info.created_at_ms >= first)
        and (last is None or info.created_at_ms < last)
    ]


def moment(when: When, *, now: datetime | None = None) -> int | None:
    """Return *when* in milliseconds since the epoch.

    Args:
        when: An age (``"30m"``, ``"12h"``, ``"7d"``, ``"2w"``), an ISO 8601 text, a date or a
            datetime; without a time zone it is local time.  ``None`` stays ``None``.
        now: Instead of the present, for ages.

    Raises:
        ParameterError: It is none of these.
    """
    if when is None:
        return None
    if isinstance(when, str) and (age := _AGE.fullmatch(when)):
        span = timedelta(**{_UNITS[age[2]]: int(age[1])})
        return round(((now or datetime.now(UTC)) - span).timestamp() * 1000)
    if isinstance(when, str):
        try:
            when = datetime.fromisoformat(when)
        except ValueError:
            raise ParameterError(
                f"{when!r} is not a time: expected 7d, 12h, 30m, 2026-11-27 or 2026-11-27T10:00"
            ) from None
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)
    return round(when.timestamp() * 1000)
