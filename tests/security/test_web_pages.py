"""A page of another origin in a real browser, which knows the port and even the token.

Every way a page has to send a request is tried: none reads a byte, none changes
anything.  The same checks by raw sockets are in ``tests/local/test_http_checks.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ..faults.loop_thread import LoopThread

pytestmark = pytest.mark.browser


class Site(LoopThread):
    """A web site of somebody else: one empty page at every path."""

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<!doctype html><title>evil</title><body></body>"
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()


class Naive(LoopThread):
    """A local server without checks: it answers anyone.

    Attributes:
        asked: The request lines so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append(head.split(" HTTP")[0])
        kind = "text/event-stream" if "/sse" in head else "application/javascript"
        body = b"data: secret\n\n" if "/sse" in head else b"'secret'"
        headers = "".join(f"Access-Control-Allow-{what}: *\r\n" for what in ("Origin", "Methods"))
        headers += "Access-Control-Allow-Headers: authorization, content-type\r\n"
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()


@pytest.fixture(params=["http://evil.example", "http://localhost"], ids=["site", "other port"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """The page, open in Chromium, at an origin that is not the service's."""
    with Site() as site:
        page = browser.new_page()
        page.goto(f"{request.param}:{site.port}/")
        yield page
        page.context.close()


#: Each returns what the page could read, or throws; `base`, `id` and `token` are known to it.
ATTEMPTS = {
    "fetch": "const r = await fetch(base + '/v1/axons'); return await r.text()",
    "fetch with the token": (
        "const r = await fetch(base + '/v1/axons',"
        " {headers: {Authorization: 'Bearer ' + token}}); return await r.text()"
    ),
    "opaque fetch": (
        "const r = await fetch(base + '/v1/axons', {mode: 'no-cors'}); return await r.text()"
    ),
    "simple post": (
        "await fetch(publish, {method: 'POST', mode: 'no-cors', body: event,"
        " headers: {'Content-Type': 'text/plain'}}); return ''"
    ),
    "json post": (
        "await fetch(publish, {method: 'POST', body: event,"
        " headers: {'Content-Type': 'application/json', Authorization: 'Bearer ' + token}});"
        " return 'sent'"
    ),
    "delete": (
        "await fetch(base + '/v1/axons/' + id, {method: 'DELETE',"
        " headers: {Authorization: 'Bearer ' + token}}); return 'sent'"
    ),
    "beacon": "navigator.sendBeacon(publish, new Blob([event])); return ''",
    "stop": "await fetch(base + '/stop', {method: 'POST', mode: 'no-cors'}); return ''",
    "xhr": (
        "return await new Promise((done, fail) => { const x = new XMLHttpRequest();"
        " x.open('GET', base + '/v1/axons'); x.onload = () => done(x.responseText);"
        " x.onerror = fail; x.send() })"
    ),
    "event source": (
        "return await new Promise((done, fail) => {"
        " const s = new EventSource(base + '/v1/axons/' + id + '/subscribe/sse');"
        " s.onmessage = e => done(e.data); s.onerror = () => { s.close(); fail('refused') } })"
    ),
    "image": (
        "return await new Promise((done, fail) => { const i = new Image();"
        " i.onload = () => done('loaded'); i.onerror = fail; i.src = base + '/v1/axons' })"
    ),
    "script": (
        "return await new Promise((done, fail) => { const s = document.createElement('script');"
        " s.onload = () => done('loaded'); s.onerror = fail; s.src = base + '/openapi.json';"
        " document.body.append(s) })"
    ),
    "web socket": (
        "return await new Promise((done, fail) => {"
        " const s = new WebSocket(base.replace('http', 'ws') + '/v1/axons');"
        " s.onopen = () => done('open'); s.onerror = fail })"
    ),
    "form": (
        "const f = document.createElement('form'); f.method = 'POST'; f.action = publish;"
        " f.enctype = 'text/plain'; const i = document.createElement('input');"
        " i.name = event.slice(0, -1) + ',\"x\":\"'; i.value = '\"}'; f.append(i);"
        " const w = document.createElement('iframe'); w.name = 'w'; f.target = 'w';"
        " document.body.append(w, f);"
        " const seen = new Promise(done => { w.onload = done }); f.submit(); await seen;"
        " return w.contentDocument ? w.contentDocument.body.innerText : ''"
    ),
}


def attempt(page: Page, code: str, known: dict[str, Any]) -> str:
    """Run *code* in the page; return what it read, or ``""``."""
    return str(
        page.evaluate(
            "async ([code, known]) => { const run = new Function(...Object.keys(known),"
            " `return (async () => { ${code} })()`);"
            " try { return await run(...Object.values(known)) } catch { return '' } }",
            [code, known],
        )
    )


def test_the_attempts_succeed_where_nothing_is_checked(page: Page) -> None:
    """Otherwise the refusals below could be the browser's, or a typing error's."""
    with Naive() as server:
        known = {"base": server.base_url, "id": "axn_1", "token": "t", "event": '{"a":"b"}'}
        known["publish"] = f"{server.base_url}/v1/axons/axn_1/publish"
        read = {name: attempt(page, code, known) for name, code in ATTEMPTS.items()}
        for _ in range(200):  # a beacon goes when the browser has the time
            if server.asked.count("POST /v1/axons/axn_1/publish") == 4:
                break
            page.wait_for_timeout(50)

    reached = {name for name, text in read.items() if text}
    assert reached >= {"fetch", "fetch with the token", "json post", "delete", "xhr", "script"}
    assert "event source" in reached
    # These say nothing to the page; the server hears them all the same.
    assert server.asked.count("POST /v1/axons/axn_1/publish") == 4
    assert "POST /stop" in server.asked


def test_t9_no_request_of_another_origin_reads_or_changes_anything(page: Page, wire: Any) -> None:
    """Every page that is open in the same browser could try this while the notebook runs."""
    axon_id = wire.create("guarded")
    wire.publish(axon_id, "a secret")
    event = {"source": "evil", "event_type": "t", "origin": "USER_EVENT", "payload": "evil"}
    base = f"http://127.0.0.1:{wire.port}"
    known = {"base": base, "id": axon_id, "token": wire.token, "event": json.dumps(event)}
    known["publish"] = f"{base}/v1/axons/{axon_id}/publish"

    read = {name: attempt(page, code, known) for name, code in ATTEMPTS.items()}
    events = wire.ask("GET", f"/v1/axons/{axon_id}/events").json["events"]

    assert {name: text for name, text in read.items() if text} == {}
    assert [event["payload"] for event in events] == ["a secret"]
    assert wire.ask("GET", f"/v1/axons/{axon_id}").json["id"] == axon_id


def test_t8_a_page_under_a_name_that_was_bound_to_loopback_is_misdirected(
    page: Page, wire: Any
) -> None:
    """DNS rebinding makes the service look like the page's own site, so that no CORS applies."""
    answer = page.goto(f"http://rebound.example:{wire.port}/v1/axons")
    again = page.evaluate(
        "async token => { const r = await fetch('/v1/axons',"
        " {headers: {Authorization: 'Bearer ' + token}}); return [r.status, await r.text()] }",
        wire.token,
    )

    assert answer is not None
    assert answer.status == 421
    assert (again[0], json.loads(again[1])["message"]) == (421, "Host not allowed.")


def test_t9_what_a_person_types_into_the_address_bar_is_refused_too(page: Page, wire: Any) -> None:
    """A link in a mail is enough to open an address; without the token it shows nothing."""
    answer = page.goto(f"http://127.0.0.1:{wire.port}/v1/axons")

    assert answer is not None
    assert answer.status == 401
    assert "set-cookie" not in answer.headers
