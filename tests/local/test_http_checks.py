"""Who is let in: host, origin, bearer token, before any route is looked at."""

from __future__ import annotations

import stat
from typing import Any

import pytest

from axon_notebook.local.process.launcher import ServiceAddress, find_service

ROUTES = [
    ("GET", "/v1/axons"),
    ("POST", "/v1/axons"),
    ("GET", "/v1/axons/axn_x"),
    ("POST", "/v1/axons/axn_x/publish"),
    ("GET", "/v1/axons/axn_x/subscribe/sse"),
    ("GET", "/healthz"),
    ("POST", "/stop"),
    ("GET", "/openapi.json"),
    ("GET", "/no/such/path"),
]


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:{port}",
        "127.0.0.1:evil.com",
        "127.0.0.1.evil.com:{port}",
        "localhost.:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:1",
        "127.1:{port}",
        "2130706433:{port}",
        "127.0.0.1:{port}.evil.com",
        "a/b",
        "user@127.0.0.1:{port}",
        "",
    ],
)
def test_another_host_is_misdirected(wire: Any, host: str) -> None:
    """DNS rebinding reaches loopback under the attacker's name; only the own names are served."""
    line = f"Host: {host.format(port=wire.port)}"

    answer = wire.ask("GET", "/v1/axons", line)

    assert (answer.status, answer.message) == (421, "Host not allowed.")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"]
)
def test_each_own_name_is_served(wire: Any, host: str) -> None:
    """All spellings of this machine's loopback are the user's own."""
    answer = wire.ask("GET", "/v1/axons", f"Host: {host.format(port=wire.port)}")

    assert answer.status == 200


def test_a_request_without_host_is_misdirected(wire: Any) -> None:
    """HTTP/1.0 allows none; it proves nothing then."""
    request = f"GET /v1/axons HTTP/1.0\r\nAuthorization: Bearer {wire.token}\r\n\r\n".encode()

    assert wire.exchange(request).status == 421


def test_two_hosts_are_malformed(wire: Any) -> None:
    """Two parsers could each believe another one."""
    own = f"127.0.0.1:{wire.port}"

    answer = wire.ask("GET", "/v1/axons", f"Host: {own}", "Host: evil.com")

    assert (answer.status, answer.message) == (400, "Malformed request.")


def test_an_absolute_target_is_malformed(wire: Any) -> None:
    """`GET http://evil.com/` names a host beside the Host header."""
    answer = wire.ask("GET", f"http://evil.com:{wire.port}/v1/axons")

    assert (answer.status, answer.message) == (400, "Malformed request.")


@pytest.mark.parametrize(
    "line",
    [
        "Origin: https://evil.com",
        "Origin: null",
        "Origin: http://127.0.0.1:8888",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
@pytest.mark.parametrize(("method", "path"), ROUTES[:5])
def test_a_page_of_another_origin_is_refused(wire: Any, method: str, path: str, line: str) -> None:
    """A web page can send requests to loopback, even with a stolen token."""
    answer = wire.ask(method, path, line, body=b"{}" if method == "POST" else None)

    assert (answer.status, answer.message) == (403, "Cross-origin requests are not allowed.")


def test_a_preflight_gets_no_cors_header(wire: Any) -> None:
    """No `Access-Control-…` line, no request from the page."""
    answer = wire.ask("OPTIONS", "/v1/axons", "Access-Control-Request-Method: POST")

    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_request_that_no_page_caused_is_served(wire: Any, site: str) -> None:
    """Browsers say `none` for what the user typed."""
    assert wire.ask("GET", "/v1/axons", f"Sec-Fetch-Site: {site}").status == 200


@pytest.mark.parametrize(
    "line",
    [
        "Authorization:",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer wrong",
        "Authorization: Bearer {token}x",
        "Authorization: Basic {token}",
        "Authorization: {token}",
        "Authorization: Bearer {token}\r\nAuthorization: Bearer {token}",
        "Authorization: Bearer é",
    ],
)
def test_every_wrong_token_gets_the_same_answer(wire: Any, line: str) -> None:
    """The answer must not tell how close the guess was."""
    answer = wire.ask("GET", "/v1/axons", line.format(token=wire.token))

    assert (answer.status, answer.message) == (401, "Missing or wrong bearer token.")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_the_token(wire: Any, method: str, path: str) -> None:
    """Health, the document and unknown paths included: nothing is told without the token."""
    answer = wire.ask(method, path, "Authorization:")

    assert answer.status == 401


def test_a_token_in_the_query_lets_nobody_in(wire: Any) -> None:
    """URLs end up in histories and logs."""
    answer = wire.ask(
        "GET", f"/v1/axons?token={wire.token}&access_token={wire.token}", "Authorization:"
    )

    assert answer.status == 401


def test_the_host_is_checked_before_the_origin_and_the_origin_before_the_token(wire: Any) -> None:
    """The order decides what a client without the token can learn: nothing about the token."""
    wrong = ["Host: evil.com", "Origin: https://evil.com", "Authorization: no"]

    statuses = [wire.ask("GET", "/none", *wrong[n:]).status for n in range(3)]

    assert statuses == [421, 403, 401]


def test_every_answer_forbids_storing_and_guessing(wire: Any) -> None:
    """A browser that gets hold of an answer must not keep or reinterpret it."""
    answers = [
        wire.ask("GET", "/v1/axons"),
        wire.ask("GET", "/none"),
        wire.ask("GET", "/", "Host: x"),
    ]

    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/json"
        assert "server" not in answer.headers


def test_only_the_owner_can_read_what_lies_in_the_home(service: ServiceAddress, wire: Any) -> None:
    """Other users of the machine get neither token nor data."""
    wire.publish(wire.create())

    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in [service.home, *service.home.rglob("*")]
        if path.exists()
    }

    assert modes[service.home / "service.json"] == 0o600
    assert [path for path, mode in modes.items() if mode & 0o077] == []


def test_the_token_is_in_no_log_and_no_command_line(service: ServiceAddress, wire: Any) -> None:
    """Both are read by others: support, `ps`."""
    import psutil

    wire.ask("GET", "/none", f"X-Echo: {wire.token}")
    process = psutil.Process(service.pid)

    assert wire.token not in (service.home / "service.log").read_text()
    assert wire.token not in " ".join(process.cmdline())
    assert wire.token not in repr(process.environ())
    assert wire.token not in repr(find_service(service.home))
