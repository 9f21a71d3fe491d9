"""What ``axon-notebook doctor`` asks the server of ``RUNLOOP_BASE_URL``: one request, with the key.

The request goes where the client's would go: to the key's own origin, through
the proxy of the environment, past it on this machine.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ...config import Secret, is_loopback
from .findings import Finding

__all__ = ["ask_server", "look_at_key"]

#: Seconds that the clock may be wrong before time columns and tokens mislead.
CLOCK_SKEW: Final = 30.0
REACH_TIME: Final = 5.0
PROBE: Final = "/v1/axons?limit=1"
BODY_BYTES: Final = 1 << 20
#: Header names that gateways use for the rest of a quota, the standard's draft first.
LEFT: Final = ("RateLimit-Remaining", "X-RateLimit-Remaining")
ALLOWED: Final = ("RateLimit-Limit", "X-RateLimit-Limit")


def look_at_key(key: Secret, source: str, url: str) -> Iterator[Finding]:
    """Look at the form of the key, without showing any of it."""
    text = key.reveal()
    quoted = text[:1] in "'\"" or text[-1:] in "'\""
    if quoted or " " in text:
        what = f"the key from {source} holds {'quotes' if quoted else 'a space'}"
        yield Finding("key", False, what, f"set {source} to the key alone: export {source}=ak_…")
        return
    usual = text.startswith("ak_") or is_loopback(urlsplit(url).hostname)
    note = "" if usual else ", without the usual beginning ak_"
    yield Finding("key", True, f"from {source}, {len(text)} characters{note}")


def ask_server(url: str, key: Secret) -> Iterator[Finding]:
    """Send one request; tell about way, certificate, answer, key, limits and clock."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = _proxy(parts.scheme, host)
    if proxy:
        yield from _look_at_proxy(proxy)
    try:
        status, headers, body = _request(url, proxy, key)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        remedy = "a proxy that opens TLS? set SSL_CERT_FILE to its certificate"
        yield Finding("host", False, f"{host}: {reason}", remedy)
        return
    except (OSError, http.client.HTTPException) as error:
        yield Finding("host", False, f"{host}: {error}", _way_out(error, proxy))
        return
    yield from _judged(host, status, headers, body)
    yield from _limits(status, headers)
    yield from _clock(headers.get("Date"))


def _request(url: str, proxy: str | None, key: Secret) -> tuple[int, Message, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    if proxy:
        through = urlsplit(proxy)
        connection = kind(through.hostname or "", through.port or 80, timeout=REACH_TIME)
        connection.set_tunnel(parts.hostname or "", parts.port)
    else:
        connection = kind(parts.hostname or "", parts.port, timeout=REACH_TIME)
    headers = {"Authorization": f"Bearer {key.reveal()}", "Accept": "application/json"}
    try:
        connection.request("GET", parts.path.rstrip("/") + PROBE, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read(BODY_BYTES)
    finally:
        connection.close()


def _proxy(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment sets for *host*; loopback never has one."""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    found = urllib.request.getproxies()
    chosen = found.get(scheme) or found.get("all")
    return chosen if not chosen or "//" in chosen else f"http://{chosen}"


def _look_at_proxy(proxy: str) -> Iterator[Finding]:
    parts = urlsplit(proxy)
    place = f"{parts.scheme}://{parts.hostname}:{parts.port or 80}"  # no user, no password
    known = parts.scheme in ("http", "https")
    remedy = "use an http proxy in HTTPS_PROXY, or pip install 'httpx[socks]'"
    yield Finding("proxy", known, f"requests go through {place}", remedy)


def _way_out(error: Exception, proxy: str | None) -> str:
    if proxy:
        return "check HTTPS_PROXY; NO_PROXY names the hosts that need none"
    if isinstance(error, socket.gaierror):
        return "no such name: correct RUNLOOP_BASE_URL, or look at the network's DNS"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: correct the port in RUNLOOP_BASE_URL, or unset it"
    if isinstance(error, TimeoutError):
        return "a firewall? set HTTPS_PROXY if your network asks for one"
    return "check the network, the proxy variables, and RUNLOOP_BASE_URL"


def _judged(host: str, status: int, headers: Message, body: bytes) -> Iterator[Finding]:
    """Tell what the answer says of host, address and key."""
    if status in (401, 403):
        yield Finding("host", True, f"{host} answers")
        remedy = "make a key in Runloop's dashboard and set RUNLOOP_API_KEY to it"
        yield Finding("key", False, f"{host} rejected it ({status})", remedy)
    elif status == 429:
        yield Finding("host", True, f"{host} answers")
    elif status >= 500:
        yield Finding("host", False, f"{host} answers {status}", "try again in some minutes")
    elif 300 <= status < 400:
        target = urlsplit(headers.get("Location", "")).netloc or "no address"
        remedy = "set RUNLOOP_BASE_URL to where it points, if you trust it"
        yield Finding("base URL", False, f"{host} redirects to {target}", remedy)
    elif status != 200 or not _is_list(body):
        kind = headers.get_content_type()
        remedy = "correct RUNLOOP_BASE_URL, or unset it for Runloop's own"
        yield Finding("base URL", False, f"{host} has no axons: {status}, {kind}", remedy)
    else:
        yield Finding("host", True, f"{host} answers, and takes the key")


def _is_list(body: bytes) -> bool:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(found, dict) and isinstance(found.get("axons"), list)


def _limits(status: int, headers: Message) -> Iterator[Finding]:
    left, allowed = _first(headers, LEFT), _first(headers, ALLOWED)
    wait = headers.get("Retry-After", "").strip()
    remedy = f"wait {wait} s" if wait.isdigit() else "wait a minute"
    remedy += "; close viewers that are not needed, publish with publish_many"
    if status == 429:
        yield Finding("limits", False, "too many requests (429)", remedy)
    elif left is not None:
        of = f" of {allowed}" if allowed else ""
        yield Finding("limits", left != "0", f"{left}{of} requests left", remedy)


def _first(headers: Message, names: tuple[str, ...]) -> str | None:
    return next((headers[name].strip() for name in names if name in headers), None)


def _clock(date: str | None) -> Iterator[Finding]:
    if date is None:
        return
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return  # a date that no clock can be compared with
    what = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the host"
    yield Finding("clock", abs(skew) <= CLOCK_SKEW, what, "set the clock: timedatectl set-ntp true")
