"""A server that answers with anything, and a proxy that stands between."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from typing import Any

import pytest

from axon_notebook.errors import AxonError, NotFound, ProtocolError
from axon_notebook.wire.sse import encode_event

from ..faults.reading import KEY, Reading, client_of
from ..faults.scripted_server import AXON, HOLD, Answer, ScriptedServer, events_up_to, frames

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"columns":' * 50_000,
        b'{"columns":[],"rows":[[' + b"9" * 5000 + b"]]}",
        b'{"columns":[],"rows":[[NaN]]}',
        b'{"columns":[],"rows":[["\\ud800"]]}',
        b'{"columns":[],"rows":[["\xff"]]}',
        b'{"columns":null,"rows":null}',
        b'{"columns":[{"name":1}],"rows":[]}',
        b'{"rows":{"__proto__":[]}}',
        b"\xef\xbb\xbf{}",
        b"<html>Log in</html>",
        b"",
    ],
    ids=lambda body: ascii(body[:24]),
)
def test_t24_an_answer_that_is_none_is_a_typed_error(body: bytes) -> None:
    """Never a RecursionError, never a value that was made up."""
    with ScriptedServer() as server, closing(client_of(server.base_url)) as client:
        server.answers("sql/query", Answer(steps=[body], headers=JSON))

        with pytest.raises(ProtocolError) as caught:
            client.query(AXON, "SELECT 1", [])

    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_t24_an_error_page_of_any_size_is_quoted_in_part(status: int) -> None:
    """Errors end up in notebooks; a megabyte of HTML helps nobody."""
    page = b"<h1>Sorry</h1>" + b"\x1b[2Jx\xff" * 200_000
    answers = [Answer(status=status, steps=[page], headers={"Retry-After": "0"})] * 8
    with ScriptedServer() as server, closing(client_of(server.base_url)) as client:
        server.answers("sql/query", *answers)
        tracemalloc.start()
        try:
            with pytest.raises(AxonError) as caught:
                client.query(AXON, "SELECT 1", [])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert "Sorry" in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert "\x1b" not in "".join(caught.value._render_traceback_())
    assert peak < 40_000_000


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"message":"\xff"}', b'{"message":["\xff"'])
def test_t24_an_error_that_cannot_be_read_keeps_its_status(body: bytes) -> None:
    """The status alone decides what to do; the body is decoration."""
    with ScriptedServer() as server, closing(client_of(server.base_url)) as client:
        server.answers("sql/query", Answer(status=404, steps=[body], headers=JSON))

        with pytest.raises(NotFound):
            client.query(AXON, "SELECT 1", [])


def test_t24_an_event_nested_without_end_is_an_unreadable_event() -> None:
    """Fields that nobody knows are skipped, and skipping must not crash either."""
    deep = frames(events_up_to(4, first=4))[6:-3]
    deep += b',"mood":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    body = frames(events_up_to(3)) + encode_event(deep) + frames(events_up_to(10, first=5))
    with ScriptedServer(events_up_to(10)) as server, closing(client_of(server.base_url)) as client:
        server.streams(Answer(steps=[body, HOLD]))

        reading = Reading(client, 9)

    assert reading.error is None
    assert reading.sequences == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert reading.unreadable == [4]


@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-Host: 127.0.0.1:{port}",
        "X-Forwarded-For: 127.0.0.1",
        "Forwarded: host=127.0.0.1:{port}",
        "X-Original-Host: 127.0.0.1:{port}",
        "X-Host: 127.0.0.1:{port}",
    ],
)
def test_t22_what_a_proxy_says_about_the_host_opens_nothing(wire: Any, line: str) -> None:
    """Behind jupyter-server-proxy each user of the hub could reach the port."""
    line = line.format(port=wire.port)
    hub = wire.ask("GET", "/v1/axons", "Host: hub.example", line)
    stranger = wire.ask("GET", "/v1/axons", "Authorization:", line)

    assert (hub.status, hub.message) == (421, "Host not allowed.")
    assert stranger.status == 401


@pytest.mark.parametrize(
    "line", ["X-HTTP-Method-Override: DELETE", "X-Original-URL: /stop", "X-Rewrite-URL: /stop"]
)
def test_t22_no_header_changes_the_method_or_the_path(wire: Any, line: str) -> None:
    """Some frameworks obey these, and checks made before them count for nothing."""
    axon_id = wire.create()

    answer = wire.ask("GET", f"/v1/axons/{axon_id}", line)

    assert (answer.status, answer.json["id"]) == (200, axon_id)
