"""Many events at once: in order, with few requests, and never twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.errors import ParameterError, PublishError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonInfo


@pytest.fixture
def axon(service: ServiceAddress) -> Iterator[an.Axon]:
    with an.connect(service.base_url, api_key=service.token) as client:
        yield client.create_axon("many")


class WithoutBatches(BaseHTTPRequestHandler):
    """A server that stores single events and, like Runloop, knows no batches."""

    protocol_version = "HTTP/1.1"
    paths: list[str]
    events: list[str]
    refused = "refuse me"

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.paths.append(self.path)
        if not self.path.endswith("/publish"):
            self.answer(404, {"code": "404", "message": "Not found."})
        elif event["payload"] == self.refused:
            self.answer(400, {"code": "400", "message": "No."})
        else:
            self.events.append(event["payload"])
            self.answer(200, {"sequence": len(self.events), "timestamp_ms": 5})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def without_batches() -> Iterator[tuple[type[WithoutBatches], an.Axon]]:
    handler = type("Handler", (WithoutBatches,), {"paths": [], "events": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with an.connect(f"http://127.0.0.1:{server.server_port}", api_key="k") as client:
                yield handler, an.Axon(client._api, AxonInfo("axn_1", 0, "x"))
        finally:
            server.shutdown()
            thread.join()


def test_thousands_of_events_keep_their_order(axon: an.Axon) -> None:
    """More than one request, and one event that fills a request alone."""
    payloads = [str(n) for n in range(2500)]
    payloads[1234] = "x" * 2_000_000

    frame = axon.publish_many([("n", payload) for payload in payloads], progress=False)

    assert frame["sequence"].tolist() == list(range(1, 2501))
    stored = axon.sql("SELECT substr(payload, 1, 9) AS p FROM rl_axon_events ORDER BY sequence")
    assert stored["p"].tolist() == [payload[:9] for payload in payloads]


def test_an_event_the_service_refuses_is_named_by_its_place(axon: an.Axon) -> None:
    """What came before is stored, also what was in the same request; nothing after is."""
    events: list[Any] = [("n", n) for n in range(1500)]
    events[1200] = {"event_type": 7, "payload": 1200}

    with pytest.raises(PublishError, match=r"event 1200 of 1500 .*events\[1200:\]") as caught:
        axon.publish_many(events, progress=False)

    assert caught.value.index == 1200
    assert [r.sequence for r in caught.value.published] == list(range(1, 1201))
    assert axon.sql("SELECT count(*) AS n FROM rl_axon_events")["n"].tolist() == [1200]


def test_a_payload_that_is_no_text_is_refused_before_it_is_sent(axon: an.Axon) -> None:
    """Half a surrogate pair has no form in UTF-8."""
    with pytest.raises(ParameterError, match="unpaired surrogate at character 1"):
        axon.publish("t", "a\ud800")


def test_a_server_without_batches_gets_one_event_per_request(
    without_batches: tuple[type[WithoutBatches], an.Axon],
) -> None:
    """It is asked once whether it takes batches, not once per call."""
    server, axon = without_batches

    axon.publish_many([("n", str(n)) for n in range(5)], progress=False)
    frame = axon.publish_many([("n", str(n)) for n in range(5, 8)], progress=False)

    assert server.events == [str(n) for n in range(8)]
    assert frame["sequence"].tolist() == [6, 7, 8]
    assert server.paths.count("/v1/axons/axn_1/publish/batch") == 1


def test_a_refusal_without_batches_is_named_by_its_place(
    without_batches: tuple[type[WithoutBatches], an.Axon],
) -> None:
    """As with batches, so that going on is the same."""
    server, axon = without_batches

    with pytest.raises(PublishError) as caught:
        axon.publish_many([("n", "0"), ("n", "1"), ("n", server.refused), ("n", "3")])

    assert (caught.value.index, server.events) == (2, ["0", "1"])
