"""Which handler answers which request: one table of paths for all endpoints.

Paths are matched segment by segment as they were sent; nothing is normalised into a match.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote

from ..refusals import Refusal
from .requests import Request

__all__ = ["Handler", "Match", "Route", "Router", "get", "post"]

#: Returns what to answer: an :class:`~.answers.Answer`, an :class:`~.streams.EventStream`, or
#: a value for JSON.
Handler = Callable[[Request], Awaitable[object]]

#: Clients of Runloop repeat a request that was answered with 501, unless they are told not to.
_FINAL: Final = ((b"x-should-retry", b"false"),)

#: Endpoints of Runloop that a service on one machine has no use for, by the start of their path.
ELSEWHERE: Final = (
    "/v1/accounts",
    "/v1/agents",
    "/v1/apikeys",
    "/v1/benchmark_jobs",
    "/v1/benchmark_runs",
    "/v1/benchmarks",
    "/v1/blueprints",
    "/v1/gateway-configs",
    "/v1/mcp-configs",
    "/v1/network-policies",
    "/v1/objects",
    "/v1/repositories",
    "/v1/restricted_keys",
    "/v1/scenarios",
    "/v1/secrets",
    "/v1/devboxes/disk_snapshots",
    "/v1/devboxes/evictions",
    "/v1/devboxes/{devbox_id}/create_gateway_token",
    "/v1/devboxes/{devbox_id}/create_mcp_token",
    "/v1/devboxes/{devbox_id}/create_pty_tunnel",
    "/v1/devboxes/{devbox_id}/create_ssh_key",
    "/v1/devboxes/{devbox_id}/create_tunnel",
    "/v1/devboxes/{devbox_id}/enable_tunnel",
    "/v1/devboxes/{devbox_id}/remove_tunnel",
    "/v1/devboxes/{devbox_id}/snapshot_disk",
    "/v1/devboxes/{devbox_id}/snapshot_disk_async",
    "/v1/devboxes/{devbox_id}/usage",
)


class Route(NamedTuple):
    """An endpoint.

    Attributes:
        method: ``GET`` (which answers ``HEAD``, too), ``POST`` or ``DELETE``.
        path: Its path, with ``{name}`` for segments that vary.
        handler: Answers it.
        waits: Whether it may take long without working: such a request is not counted among
            those worked on at once.
    """

    method: str
    path: str
    handler: Handler
    waits: bool = False


class Match(NamedTuple):
    """The endpoint for a request, and the segments of the path that vary."""

    route: Route
    path_params: dict[str, str]


class Router:
    """The table of *routes*, as a tree of path segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._root.at(route.path).methods[route.method] = route
        for path in ELSEWHERE:
            self._root.at(path).elsewhere = path

    def match(self, method: str, path: bytes) -> Match:
        """Return the endpoint for *path* as it was sent.

        Raises:
            Refusal: 404 for an unknown path, 405 for another method, 501 for an endpoint that
                only Runloop has.
        """
        node, values, names = self._root, [], []
        for segment in path.decode("latin-1").split("/")[1:]:
            child = node.children.get(segment)
            if child is None:
                child = node.variable
                if child is None or not _plain(value := unquote(segment, errors="replace")):
                    raise Refusal(404, "Not found.")
                values.append(value)
                names.append(child.name)
            node = child
            if node.elsewhere:
                message = f"{node.elsewhere} is Runloop's: the embedded service does not have it."
                raise Refusal(501, message, headers=_FINAL)
        route = node.methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise _not_allowed(node.methods)
        return Match(route, dict(zip(names, values, strict=True)))


class _Node:
    """A path so far."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.children: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.methods: dict[str, Route] = {}
        self.elsewhere = ""

    def at(self, path: str) -> _Node:
        """Return the node of a whole path, made if it is not there."""
        node = self
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                node.variable = node.variable or _Node(segment[1:-1])
                node = node.variable
            else:
                node = node.children.setdefault(segment, _Node())
        return node


def get(path: str, handler: Handler, *, waits: bool = False) -> Route:
    """Return a route for GET."""
    return Route("GET", path, handler, waits)


def post(path: str, handler: Handler, *, waits: bool = False) -> Route:
    """Return a route for POST."""
    return Route("POST", path, handler, waits)


def _not_allowed(methods: Iterable[str]) -> Refusal:
    names = set(methods)
    if not names:
        return Refusal(404, "Not found.")
    if "GET" in names:
        names.add("HEAD")
    allow = ", ".join(sorted(names)).encode("ascii")
    return Refusal(405, "Method not allowed.", headers=[(b"allow", allow)])


def _plain(segment: str) -> bool:
    return segment not in ("", ".", "..") and segment.isprintable() and "/" not in segment
