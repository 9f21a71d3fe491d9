"""The API: one method per endpoint.

Source: Runloop OpenAPI documents (axons, executions, devboxes).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from .. import errors
from ..models import (
    AxonEvent,
    AxonEventList,
    AxonInfo,
    AxonList,
    DevboxInfo,
    DevboxList,
    EventDraft,
    ExecutionInfo,
    PublishBatchResult,
    PublishResult,
    SqlAxonResult,
    SqlBatchResult,
    SqlManyResult,
    SqlResult,
)
from .http import ByteStream, Endpoint, HttpClient, Interrupt, Locate

__all__ = ["ApiClient"]

IMPORT: Final = "import"
IMPORT_PATH: Final = f"/v1/axons/{IMPORT}"
IMPORT_SECONDS: Final = 600.0  # the server stores what was sent before it answers


class ApiClient:
    """Every endpoint of one server; lives until :meth:`close`.

    Safe to use from several threads.  Every method sends one request (and
    repeats it where that cannot do harm, see :mod:`~axon_notebook.wire.retry`)
    and raises :class:`~axon_notebook.errors.ApiError` or
    :class:`~axon_notebook.errors.TransportError`.

    Args:
        locate: Finds the server.
        owner: Who should have closed it, for the warning of one that was forgotten.
    """

    def __init__(self, locate: Locate, *, owner: str = "connections") -> None:
        self._http = HttpClient(locate)
        self._owner = owner
        #: Whether to try :meth:`publish_batch`; false once the server turned out not to have it.
        self.accepts_batches = True
        #: Whether to try :meth:`query_many`, likewise.
        self.accepts_many = True
        #: Whether to try :meth:`replay_events`, likewise.
        self.accepts_replays = True

    @property
    def endpoint(self) -> Endpoint:
        """The server in use; finds (or starts) it at the first call."""
        return self._http.endpoint

    def close(self) -> None:
        """Close every idle connection; streams are closed by who opened them."""
        self._http.close()

    def __del__(self) -> None:
        # Not the client's: what was made from it may outlive it, a viewer above all.
        http = getattr(self, "_http", None)  # missing if __init__ raised
        if http is not None and http.connected:
            message = f"unclosed {self._owner}: close() it, or use it as a context manager"
            warnings.warn(message, ResourceWarning, stacklevel=2)
            http.close()

    # -- axons

    def create_axon(self, name: str | None, metadata: Mapping[str, str] | None) -> AxonInfo:
        """``POST /v1/axons``."""
        body = _given(name=name, metadata=dict(metadata) if metadata else None)
        return self._http.send("POST", "/v1/axons", AxonInfo, json=body)

    def get_axon(self, axon_id: str) -> AxonInfo:
        """``GET /v1/axons/{id}``."""
        return self._http.send("GET", f"/v1/axons/{_part(axon_id)}", AxonInfo)

    def list_axons(self, **query: Any) -> AxonList:
        """``GET /v1/axons``; *query* as in the API."""
        return self._http.send("GET", "/v1/axons", AxonList, query=query)

    def update_axon(self, axon_id: str, metadata: Mapping[str, str] | None) -> AxonInfo:
        """``POST /v1/axons/{id}``; the map is replaced whole."""
        body = _given(metadata=None if metadata is None else dict(metadata))
        return self._http.send("POST", f"/v1/axons/{_part(axon_id)}", AxonInfo, json=body)

    def delete_axon(self, axon_id: str) -> None:
        """``DELETE /v1/axons/{id}``."""
        self._http.send("DELETE", f"/v1/axons/{_part(axon_id)}", dict)

    def publish(self, axon_id: str, event: EventDraft) -> PublishResult:
        """``POST /v1/axons/{id}/publish``, under one ``x-request-id``."""
        return self._http.send(
            "POST", f"/v1/axons/{_part(axon_id)}/publish", PublishResult, json=event
        )

    def publish_batch(self, axon_id: str, events: Sequence[EventDraft]) -> list[PublishResult]:
        """``POST /v1/axons/{id}/publish/batch``: all of *events* in one transaction, or none.

        The embedded service's own addition; elsewhere :class:`~axon_notebook.errors.NotFound`
        or another refusal.
        """
        path = f"/v1/axons/{_part(axon_id)}/publish/batch"
        stored = self._http.send("POST", path, PublishBatchResult, json={"events": events})
        places = range(stored.first_sequence, stored.last_sequence + 1)
        if len(places) != len(events):
            raise errors.ProtocolError(
                f"the server stored {len(places)} events where {len(events)} were sent"
            )
        return [PublishResult(place, stored.timestamp_ms) for place in places]

    def replay_events(self, axon_id: str, events: Sequence[AxonEvent]) -> PublishBatchResult:
        """``POST /v1/axons/{id}/replay``: publish with any origin; the embedded service alone."""
        fields = ("source", "event_type", "origin", "payload")
        body = {"events": [{name: getattr(e, name) for name in fields} for e in events]}
        path = f"/v1/axons/{_part(axon_id)}/replay"
        return self._http.send("POST", path, PublishBatchResult, json=body)

    def import_axon(self, lines: Callable[[], Iterable[bytes]]) -> AxonInfo:
        """``POST /v1/axons/import``, which the embedded service alone has; *lines* is the body."""
        return self._http.send("POST", IMPORT_PATH, AxonInfo, lines=lines, timeout=IMPORT_SECONDS)

    def import_events(self, axon_id: str, lines: Callable[[], Iterable[bytes]]) -> PublishResult:
        """``POST /v1/axons/{id}/import``, likewise: into an axon without events."""
        path = f"/v1/axons/{_part(axon_id)}/{IMPORT}"
        return self._http.send("POST", path, PublishResult, lines=lines, timeout=IMPORT_SECONDS)

    def list_events(
        self,
        axon_id: str,
        *,
        limit: int,
        starting_after: str | None = None,
        count: bool = True,
        interrupt: Interrupt | None = None,
    ) -> AxonEventList:
        """``GET /v1/axons/{id}/events``, newest first; *limit* up to 5,000."""
        query = _given(limit=limit, starting_after=starting_after, include_total_count=count)
        return self._http.send(
            "GET",
            f"/v1/axons/{_part(axon_id)}/events",
            AxonEventList,
            query=query,
            interrupt=interrupt,
        )

    def query(
        self,
        axon_id: str,
        sql: str,
        params: Sequence[Any] = (),
        *,
        timeout: float | None = None,
        interrupt: Interrupt | None = None,
    ) -> SqlResult:
        """``POST /v1/axons/{id}/sql/query``: one statement."""
        body = {"sql": sql, "params": list(params)}
        path = f"/v1/axons/{_part(axon_id)}/sql/query"
        try:
            return self._http.send(
                "POST",
                path,
                SqlResult,
                json=body,
                timeout=timeout,
                interrupt=interrupt,
            )
        except errors.BadRequest as error:
            if error.status != 400:
                raise
            raise errors.SqlError(str(error), sql=sql) from error

    def query_many(
        self, axon_ids: Sequence[str], sql: str, params: Sequence[Any]
    ) -> list[SqlAxonResult]:
        """``POST /v1/axons/sql/query``: one statement on many axons; the embedded service alone."""
        body = {"axon_ids": list(axon_ids), "sql": sql, "params": list(params)}
        return self._http.send("POST", "/v1/axons/sql/query", SqlManyResult, json=body).results

    def batch(
        self,
        axon_id: str,
        statements: Sequence[tuple[str, Sequence[Any]]],
        *,
        timeout: float | None = None,
    ) -> SqlBatchResult:
        """``POST /v1/axons/{id}/sql/batch``: *statements* ``(sql, params)``, one transaction."""
        body = {"statements": [{"sql": sql, "params": list(p)} for sql, p in statements]}
        path = f"/v1/axons/{_part(axon_id)}/sql/batch"
        return self._http.send("POST", path, SqlBatchResult, json=body, timeout=timeout)

    def subscribe(
        self, axon_id: str, after_sequence: int, *, idle: float, interrupt: Interrupt
    ) -> ByteStream:
        """Open ``GET /v1/axons/{id}/subscribe/sse``; *idle* seconds of silence end it."""
        path = f"/v1/axons/{_part(axon_id)}/subscribe/sse"
        return self._http.open(path, {"after_sequence": after_sequence}, idle, interrupt)

    # -- devboxes and executions

    def create_devbox(self, body: Mapping[str, Any]) -> DevboxInfo:
        """``POST /v1/devboxes``."""
        return self._http.send("POST", "/v1/devboxes", DevboxInfo, json=body)

    def get_devbox(self, devbox_id: str) -> DevboxInfo:
        """``GET /v1/devboxes/{id}``."""
        return self._http.send("GET", f"/v1/devboxes/{_part(devbox_id)}", DevboxInfo)

    def list_devboxes(self, **query: Any) -> DevboxList:
        """``GET /v1/devboxes``."""
        return self._http.send("GET", "/v1/devboxes", DevboxList, query=query)

    def shutdown_devbox(self, devbox_id: str) -> DevboxInfo:
        """``POST /v1/devboxes/{id}/shutdown``."""
        return self._http.send(
            "POST", f"/v1/devboxes/{_part(devbox_id)}/shutdown", DevboxInfo, json={}
        )

    def wait_for_devbox(
        self, devbox_id: str, statuses: Sequence[str], *, hold: float
    ) -> DevboxInfo:
        """``POST /v1/devboxes/{id}/wait_for_status``; 408 after *hold* seconds."""
        body = {"statuses": list(statuses), "timeout_seconds": round(hold, 3)}
        path = f"/v1/devboxes/{_part(devbox_id)}/wait_for_status"
        return self._http.send("POST", path, DevboxInfo, json=body, timeout=hold + 5, attempts=1)

    def execute_async(self, devbox_id: str, command: str, *, attach_stdin: bool) -> ExecutionInfo:
        """``POST /v1/devboxes/{id}/execute_async``."""
        body = {"command": command, "attach_stdin": attach_stdin}
        path = f"/v1/devboxes/{_part(devbox_id)}/execute_async"
        return self._http.send("POST", path, ExecutionInfo, json=body)

    def get_execution(
        self,
        devbox_id: str,
        execution_id: str,
        *,
        last_n: int | None = None,
        interrupt: Interrupt | None = None,
    ) -> ExecutionInfo:
        """``GET /v1/devboxes/{d}/executions/{e}``; *last_n* lines of output."""
        query = _given(last_n=None if last_n is None else str(last_n))
        path = _execution(devbox_id, execution_id)
        return self._http.send("GET", path, ExecutionInfo, query=query, interrupt=interrupt)

    def wait_for_execution(
        self, devbox_id: str, execution_id: str, *, hold: float
    ) -> ExecutionInfo:
        """``POST …/wait_for_status`` for ``completed``; 408 after *hold* seconds."""
        body = {"statuses": ["completed"], "timeout_seconds": round(hold, 3)}
        path = f"{_execution(devbox_id, execution_id)}/wait_for_status"
        return self._http.send("POST", path, ExecutionInfo, json=body, timeout=hold + 5, attempts=1)

    def kill_execution(
        self, devbox_id: str, execution_id: str, *, process_group: bool
    ) -> ExecutionInfo:
        """``POST …/kill``."""
        body = {"kill_process_group": process_group}
        path = f"{_execution(devbox_id, execution_id)}/kill"
        return self._http.send("POST", path, ExecutionInfo, json=body)

    def send_stdin(self, devbox_id: str, execution_id: str, body: Mapping[str, str]) -> bool:
        """``POST …/send_std_in`` with ``text`` or ``signal``; whether the command took it."""
        path = f"{_execution(devbox_id, execution_id)}/send_std_in"
        return bool(self._http.send("POST", path, dict, json=body).get("success"))

    def stream_output(
        self,
        devbox_id: str,
        execution_id: str,
        stream: str,
        offset: int | None,
        *,
        idle: float,
        interrupt: Interrupt,
    ) -> ByteStream:
        """Open ``…/stream_stdout_updates`` or ``…/stream_stderr_updates`` from byte *offset*."""
        path = f"{_execution(devbox_id, execution_id)}/stream_{stream}_updates"
        return self._http.open(path, _given(offset=offset), idle, interrupt)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _part(text: str) -> str:
    return quote(text, safe="")


def _execution(devbox_id: str, execution_id: str) -> str:
    return f"/v1/devboxes/{_part(devbox_id)}/executions/{_part(execution_id)}"
