"""Who may talk to the service: the checks before any route.

Loopback does not protect: every page in the user's browser can send requests to
127.0.0.1, and DNS rebinding lets it read the answers.  So each request must name
this very server as its host, must not come from a page of another origin, and
must carry the token of this start.
"""

from __future__ import annotations

import hmac
from typing import Final

from ...config import Secret
from ..refusals import Refusal
from .answers import Scope

__all__ = ["Guard"]

_SAME: Final = (b"none", b"same-origin")
_NAMES: Final = (b"127.0.0.1", b"localhost", b"[::1]")


class Guard:
    """Checks host (421), origin (403) and bearer token (401), in this order."""

    def __init__(self, token: Secret) -> None:
        self._token = token
        self._hosts: dict[int, frozenset[bytes]] = {}

    def check(self, scope: Scope) -> None:
        """Raise the :class:`Refusal` that *scope* deserves, if any."""
        hosts, authorizations = [], []
        cross = scope["method"] == "OPTIONS"
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.strip().lower())
            elif name == b"authorization":
                authorizations.append(value)
            elif name == b"origin" or (name == b"sec-fetch-site" and value not in _SAME):
                cross = True
        if len(hosts) != 1 or hosts[0] not in self._allowed(scope["server"][1]):
            raise Refusal(421, "Host not allowed.", close=True)
        if cross:
            raise Refusal(403, "Cross-origin requests are not allowed.", close=True)
        if len(authorizations) != 1 or not self._matches(authorizations[0]):
            raise Refusal(
                401,
                "Missing or wrong bearer token.",
                headers=[(b"www-authenticate", b"Bearer")],
                close=True,
            )

    def _allowed(self, port: int) -> frozenset[bytes]:
        if port not in self._hosts:
            self._hosts[port] = frozenset(b"%s:%d" % (name, port) for name in _NAMES)
        return self._hosts[port]

    def _matches(self, value: bytes) -> bool:
        scheme, _, given = value.partition(b" ")
        expected = self._token.reveal().encode("ascii")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), expected)
