"""An axon in your hands: publish, query, read, follow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from .errors import AxonError, PublishError
from .models import (
    EVENTS_SELECT,
    ORIGINS,
    AxonEvent,
    AxonInfo,
    PublishResult,
    SqlResult,
)
from .progress import ProgressLine
from .publishing import event_draft, event_fields, publish_in_batches, publish_one
from .visible import visible
from .wire.events import EventStream
from .wire.resuming import StreamState
from .wire.subscription import Subscription

if TYPE_CHECKING:
    import pandas as pd

    from .agents.axon_trace import AxonTrace
    from .axon_statements import AxonStatements
    from .models import SqlColumns
    from .recording_file import Redact
    from .trace_sql import TraceTables
    from .wire.api import ApiClient

__all__ = ["Axon"]

EVENTS_PER_PAGE: Final = 5000

Params = Sequence[object] | Mapping[str, object] | None


class Axon:
    """One axon; borrows its client's connection and owns nothing to close.

    Made by :meth:`Client.axon` and :meth:`Client.create_axon`.  Every method
    blocks until the server has answered, reacts to Ctrl-C, and raises
    :class:`~axon_notebook.errors.AxonError`.  Safe to use from several threads.

    Attributes:
        api: The client's endpoints, for what is built on axons.
        id: The axon's identifier, ``axn_…``.
        name: Its name, or ``None``.
    """

    def __init__(self, api: ApiClient, info: AxonInfo) -> None:
        self.api = api
        self.id = info.id
        self.name = info.name

    def __repr__(self) -> str:
        return f"<Axon {visible(self.name or 'unnamed')} ({self.id})>"

    # -- writing

    def publish(
        self,
        event_type: str,
        payload: object = None,
        *,
        source: str = "notebook",
        origin: str = "USER_EVENT",
    ) -> PublishResult:
        """Publish one event; it is durable when this returns.

        Args:
            event_type: What happened, such as ``"user.message"``.
            payload: A text is sent as it is, anything else as JSON; nothing
                becomes ``{}``.  At most 4 MiB.
            source: Who says so.
            origin: ``USER_EVENT``, ``AGENT_EVENT`` or ``EXTERNAL_EVENT``.

        Returns:
            Its ``sequence`` and ``timestamp_ms``.

        Raises:
            ParameterError: If the payload cannot be sent; nothing was published.
            TransportError: If the connection broke; on Runloop the event may or
                may not have been stored (:meth:`events` shows it).
        """
        return publish_one(self.api, self.id, event_draft(event_type, payload, source, origin))

    def publish_many(
        self,
        events: Iterable[Mapping[str, object] | AxonEvent | tuple[str, object]],
        *,
        source: str = "notebook",
        origin: str = "USER_EVENT",
        progress: bool = True,
    ) -> pd.DataFrame:
        """Publish *events* in their order.

        The embedded service stores up to 1,000 of them per request, each request in one
        transaction; Runloop one by one.

        Args:
            events: Mappings with ``event_type`` and, if wanted, ``payload``,
                ``source``, ``origin``; or ``(event_type, payload)``; or events
                read from an axon.
            source: For events that name none.
            origin: For events that name none.
            progress: Show a line when it takes more than a second.

        Returns:
            One row per event: ``sequence``, ``timestamp``, ``event_type``.

        Raises:
            PublishError: At the first event that fails: ``index`` is its place,
                ``published`` what the events before it became.
        """
        from .sql.frames import publish_frame

        fields = [{"source": source, "origin": origin, **event_fields(event)} for event in events]
        results: list[PublishResult] = []
        line = ProgressLine("published", len(fields), "events", shown=progress)
        try:
            for stored in publish_in_batches(
                self.api, self.id, (event_draft(**event) for event in fields)
            ):
                results += stored
                line.show(len(results))
        except AxonError as error:
            index = len(results)
            raise PublishError(
                f"event {index} of {len(fields)} was not published: {error}; the {index} "
                f"before it were: correct it and go on with events[{index}:]",
                index=index,
                published=results,
            ) from error
        line.end()
        return publish_frame([event["event_type"] for event in fields], results)

    # -- SQL

    def sql(self, query: str, params: Params = None, *, dates: bool = False) -> pd.DataFrame:
        """Run one statement; return its rows as an exact DataFrame.

        Args:
            query: ``?`` takes its value from a list, ``:name`` from a mapping.  ``events`` is
                the history, ``turns``, ``tool_calls``, ``messages``, ``questions``, ``notices``
                and ``annotations`` are its trace, unless the axon has such a table.
            params: The values; never spliced into the text.
            dates: Show ``…_ms`` columns as UTC datetimes.

        Raises:
            SqlError: SQLite refused it; nothing was changed.
            ParameterError: A name is unknown or a value cannot be bound.
        """
        from .sql.frames import result_frame

        result = self._query(query, params, None)
        return result_frame(result, dates=dates, axon_id=self.id, sql=query)

    def _query(self, query: str, params: Params, timeout: float | None) -> SqlResult | SqlColumns:
        return self._statements.query(query, params, timeout)

    @cached_property
    def _statements(self) -> AxonStatements:
        from .axon_statements import AxonStatements

        return AxonStatements(self.api, self.id)

    @property
    def trace_tables(self) -> TraceTables:
        """What SQL knows of the trace; read when a statement first needs it."""
        return self._statements.tables

    def execute(
        self, query: str, params: Params = None, *, timeout: float | None = None
    ) -> SqlResult:
        """Run one statement; return columns, rows and meta, without pandas.

        *timeout* is the longest silence of the server in seconds, 60 by default.
        """
        return self._query(query, params, timeout).by_rows()

    def batch(
        self, statements: Iterable[str | tuple[str, Params]], *, timeout: float | None = None
    ) -> list[SqlResult]:
        """Run statements in one transaction: all of them, or none.

        Args:
            statements: Texts, or pairs of a text and its parameters.
            timeout: The longest silence of the server in seconds, 60 by default.

        Returns:
            One result per statement.

        Raises:
            SqlError: ``statement_index`` names the one that failed; everything
                was rolled back.
        """
        pairs = [(s, None) if isinstance(s, str) else s for s in statements]
        if not pairs:
            return []
        return self._statements.batch(pairs, timeout)

    # -- reading

    def events(
        self,
        limit: int = 1000,
        *,
        after_sequence: int | None = None,
        event_type: str | None = None,
        source: str | None = None,
        origin: str | None = None,
    ) -> pd.DataFrame:
        """Return events, oldest first.

        Args:
            limit: At most so many.
            after_sequence: Start after this one; without it the newest *limit*
                events are returned.
            event_type: Only this type; ``*`` stands for any text.
            source: Only this source; ``*`` stands for any text.
            origin: Only this origin, such as ``AGENT_EVENT``.

        Returns:
            ``sequence``, ``timestamp`` (UTC), ``origin``, ``source``,
            ``event_type``, ``payload``.
        """
        from .sql.frames import events_frame

        wanted = {"event_type": event_type, "source": source, "origin": origin}
        found = self._read(limit, after_sequence, {k: v for k, v in wanted.items() if v})
        return events_frame(found)

    def trace(self, *, as_of: int | None = None, protocol: str | None = None) -> AxonTrace:
        """Read the history as the trace of an agent's runs.

        Args:
            as_of: Read events up to this sequence only.
            protocol: Of the agent: ``acp``, ``claude``, ``codex``, ``pi``; found by the events
                if it is not given.

        Returns:
            Turns, messages, tool calls, questions and notices as frames; its ``refresh()``
            reads what is new.
        """
        from .agents.axon_trace import trace_of_axon

        title = self.name or self.id
        return trace_of_axon(self.api, self.id, protocol=protocol, as_of=as_of, title=title)

    def annotate(
        self,
        target: int | str,
        label: str | None = None,
        note: str | None = None,
        score: float | None = None,
        *,
        name: str = "annotation",
        source: str = "notebook",
    ) -> PublishResult:
        """Publish a judgement on an event or a tool call; it stays with the run.

        On Runloop the event may wake a suspended devbox.  See ``trace().annotations``.

        Args:
            target: A sequence, or the ``call_id`` of a tool call.
            label: Such as ``"correct"``.
            note: Why.
            score: A number.
            name: What is judged, such as ``"quality"``.
            source: Who judges.

        Raises:
            ParameterError: The target or the score is not valid, or nothing is said of it.
        """
        from .agents.annotations import EVENT_TYPE, annotation_payload

        payload = annotation_payload(target, label, note=note, score=score, name=name)
        return self.publish(EVENT_TYPE, payload, source=source)

    def annotate_many(self, frame: pd.DataFrame, *, source: str = "notebook") -> pd.DataFrame:
        """Publish a judgement per row of *frame*, which has the columns of ``trace().annotations``.

        ``target_sequence`` or ``call_id``, and some of ``name``, ``label``, ``score``,
        ``explanation``; others are left alone.  Returns what :meth:`publish_many` does.
        """
        from .agents.annotations import EVENT_TYPE, payloads_of_rows

        payloads = payloads_of_rows(frame.to_dict("records"))
        return self.publish_many([(EVENT_TYPE, made) for made in payloads], source=source)

    def retract_annotation(self, sequence: int, *, source: str = "notebook") -> PublishResult:
        """Publish that the annotation at *sequence* does not hold any more."""
        return self.publish("annotation", {"retracts": sequence}, source=source)

    def wait_for(
        self,
        event_filter: str,
        *,
        after_sequence: int | None = None,
        timeout: float | None = None,
    ) -> AxonEvent:
        """Wait for an event; the stop button works.

        Args:
            event_filter: In the language of the viewer's filter, such as
                ``"type:turn.completed"``.
            after_sequence: The first event after this one that fits; without it, the next
                that comes.
            timeout: Seconds to wait at most.

        Raises:
            WaitTimedOut: No such event has come in time; the text has the last event.
        """
        from .event_wait import wait_for

        return wait_for(self, event_filter, after_sequence, timeout)

    async def wait_for_async(
        self,
        event_filter: str,
        *,
        after_sequence: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in wait_for
    ) -> AxonEvent:
        """Wait for an event, as :meth:`wait_for`, without blocking the event loop."""
        from .event_wait import wait_for_async

        return await wait_for_async(self, event_filter, after_sequence, timeout)

    def subscribe(
        self, after_sequence: int | Literal["head"] = 0, *, max_failures: int | None = None
    ) -> Subscription:
        """Follow the events as they come; close it, or use it in a ``with``.

        Args:
            after_sequence: 0 replays everything first; ``"head"`` starts live.
            max_failures: Give up after so many failed attempts in a row;
                without it the subscription reconnects for ever.
        """
        return Subscription(self.stream(after_sequence, max_failures=max_failures))

    def stream(
        self,
        after_sequence: int | Literal["head"] = 0,
        *,
        max_failures: int | None = None,
        on_state: Callable[[StreamState], None] | None = None,
    ) -> EventStream:
        """Return the stream of the events, for who drives it in a thread of their own."""
        return EventStream(
            self.api,
            self.id,
            after_sequence=after_sequence,
            max_failures=max_failures,
            on_state=on_state,
        )

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        redact: Redact | None = None,
        tables: bool = False,
    ) -> int:
        """Write the events up to now into a file, a recording.

        Args:
            path: Where to; ``.gz`` and ``.zst`` compress it.  A file that is there is
                replaced once the new one is complete.
            redact: Called with every event; returns what to save instead, or ``None`` to
                leave it out.
            tables: Save the axon's own tables, indexes, views and triggers as well.

        Returns:
            How many events were saved.

        Raises:
            RecordingError: *redact* failed, or the file cannot be written.
        """
        from .recording_saving import save_recording

        target = Path(path).expanduser()
        return save_recording(self.api, self.id, target, redact=redact, tables=tables)

    # -- the registry

    def info(self) -> AxonInfo:
        """Ask the server what it knows of this axon."""
        return self.api.get_axon(self.id)

    def update(self, *, metadata: Mapping[str, str]) -> AxonInfo:
        """Replace the metadata; an empty mapping clears it."""
        return self.api.update_axon(self.id, metadata)

    def delete(self) -> None:
        """Delete the events and tables for good; the registry record stays readable."""
        self.api.delete_axon(self.id)

    def _read(self, limit: int, after: int | None, filters: Mapping[str, str]) -> list[AxonEvent]:
        """Page through the history by sequence, newest first if *after* is ``None``."""
        found: list[AxonEvent] = []
        edge = after
        while (left := limit - len(found)) > 0:
            sql, params = _history_query(edge, filters, min(left, EVENTS_PER_PAGE), after is None)
            result = self.api.query(self.id, sql, params).by_rows()
            found += [AxonEvent.from_row(self.id, row) for row in result.rows]
            full = len(result.rows) == min(left, EVENTS_PER_PAGE)
            if not result.rows or not (full or result.meta.rows_read_limit_reached):
                break
            edge = found[-1].sequence
        return found[::-1] if after is None else found


def _history_query(
    edge: int | None, filters: Mapping[str, str], limit: int, backwards: bool
) -> tuple[str, list[object]]:
    where: list[str] = []
    params: list[object] = []
    if edge is not None:
        where.append("sequence < ?" if backwards else "sequence > ?")
        params.append(edge)
    for column, wanted in filters.items():
        if column == "origin":
            numbers = {name: number for number, name in ORIGINS.items()}
            where.append("origin = ?")
            params.append(numbers.get(wanted, wanted))
        else:
            where.append(f"{column} GLOB ?" if "*" in wanted else f"{column} = ?")
            params.append(wanted)
    condition = f"WHERE {' AND '.join(where)} " if where else ""
    order = "DESC" if backwards else "ASC"
    return f"{EVENTS_SELECT} {condition}ORDER BY sequence {order} LIMIT ?", [*params, limit]
