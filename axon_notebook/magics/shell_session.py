"""What the magics of one shell share: the connection, the axons, the last query."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..config import Settings
from ..errors import AxonError, NotFound, ParameterError
from ..visible import visible
from .options import meant
from .status import Task

if TYPE_CHECKING:
    from ..agents.session import AgentSession
    from ..axon import Axon
    from ..axon_set import AxonSet
    from ..client import Client
    from ..execution import Execution
    from ..sql.schema import Schema
    from ..widgets.agent_chat import AgentChat

__all__ = ["Last", "Session", "label"]

#: Seconds that a schema may be old when it decides what ``events`` means.
FRESH: Final = 60.0


def label(axon: Axon) -> str:
    """Return how an axon is called in a status line."""
    return visible(axon.name or axon.id)


class Last:
    """The last statement that was sent, kept for inspection: ``%axon last``.

    Attributes:
        axon: Name or id of the axon.
        sql: As sent; several statements are joined with semicolons.
        params: The values of the ``?``, per statement.
        seconds: From sending to answer; ``None`` while there is none.
        rows: Rows of the last result; ``None`` if it failed.
        error: Why it failed, or ``None``.
    """

    def __init__(self, axon: str, sql: str, params: list[list[Any]]) -> None:
        self.axon = axon
        self.sql = sql
        self.params = params
        self.seconds: float | None = None
        self.rows: int | None = None
        self.error: BaseException | None = None

    def __repr__(self) -> str:
        elapsed = "unanswered" if self.seconds is None else f"{self.seconds * 1000:.0f} ms"
        outcome = f"failed: {self.error}" if self.error else f"{self.rows} rows"
        values = [f"params: {params}" for params in self.params if params]
        lines = [f"{self.axon} · {elapsed} · {outcome}", self.sql, *values]
        return visible("\n".join(lines), keep="\n")


class Session:
    """Lives as long as the extension is loaded; :meth:`close` ends its connection."""

    def __init__(self) -> None:
        self.aliases: dict[str, Axon] = {}
        self.seen: list[str] = []  # names of axons that were listed or used
        self.current: Axon | None = None
        self.last: Last | None = None
        self.execution: Execution | None = None  # of the last %axon run or %axon logs
        self.chat: AgentChat | None = None  # of the last %%axon_prompt
        self.milliseconds: float | None = None  # of the last request
        self._agents: dict[tuple[str, str, str], AgentSession] = {}
        self._client: Client | None = None
        self._schemas: dict[str, tuple[Schema, float]] = {}
        self._prefetch: Task[None] | None = None

    @property
    def client(self) -> Client:
        """The connection; made at first use, from the environment."""
        if self._client is None:
            from ..client import connect

            self._client = connect()
        return self._client

    @property
    def settings(self) -> Settings:
        """Where it connects, or would; connects nothing."""
        return self._client.settings if self._client else Settings.resolve()

    def close(self) -> None:
        """Close the connection; idempotent."""
        if self.chat is not None:
            self.chat.close()
        for agent in self._agents.values():
            agent.close()
        self._agents.clear()
        client, self._client = self._client, None
        self.current, self.aliases = None, {}
        self._schemas.clear()
        if client is not None:
            client.close()

    def agent(self, axon: Axon, protocol: str, permissions: str) -> AgentSession:
        """Return the conversation with the agent of *axon*; begin it at first use.

        Raises:
            AgentError: If no agent answers.
        """
        key = (axon.id, protocol, permissions)
        if key not in self._agents:
            from ..agents.session import AgentSession

            self._agents[key] = AgentSession(axon, protocol, permissions=permissions)  # type: ignore[arg-type] # one of the three words
        return self._agents[key]

    def keep_agent(self, agent: AgentSession) -> None:
        """Let ``%%axon_prompt`` talk to *agent*, and close it with this session."""
        key = (agent.axon.id, agent.protocol, "ask")
        if (before := self._agents.get(key)) is not None:
            before.close()
        self._agents[key] = agent

    # -- which axon

    def axon(self, name: str | None, namespace: Mapping[str, Any], default: str = "") -> Axon:
        """Return the axon called *name*, else the current one, else the configured one.

        *name* is an alias, a variable that holds an axon, an id or a name.

        Raises:
            NotFound: If there is none of that name.
            ParameterError: If none is named or chosen.
        """
        if name is None and self.current is not None:
            return self.current
        wanted = name or default
        if not wanted:
            raise ParameterError("no axon is chosen: %axon use NAME, or %axon create NAME")
        return self.find(wanted, namespace)

    def find(self, name: str, namespace: Mapping[str, Any]) -> Axon:
        """Return the axon that *name* means."""
        if name in self.aliases:
            return self.aliases[name]
        value: Any = namespace.get(name)
        # The class is not imported to be compared: that would load httpx.
        if f"{type(value).__module__}.{type(value).__name__}" == "axon_notebook.axon.Axon":
            found: Axon = value
            return found
        try:
            return self.client.axon(name)
        except NotFound as error:
            close = meant(name, self.aliases, what="aliases") if self.aliases else ""
            if close.startswith("did you mean"):
                raise NotFound(f"no axon {name}: {close}", status=error.status) from error
            raise

    def is_set(self, name: str, namespace: Mapping[str, Any]) -> bool:
        """Whether *name* is a variable that holds an :class:`AxonSet`."""
        # The class is not imported to be compared: that would load httpx.
        kind = type(namespace.get(name))
        return f"{kind.__module__}.{kind.__name__}" == "axon_notebook.axon_set.AxonSet"

    def axon_set(
        self,
        names: Sequence[str],
        namespace: Mapping[str, Any],
        *,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
    ) -> AxonSet:
        """Return the axons that *names* mean, newest first; without names all.

        Each is a name with ``*``, ``?`` and ``[…]``, an alias, an id, or a variable that holds an
        axon or a set.  One variable that holds a set means this very set where nothing limits
        it, so that its ``retry()`` works afterwards.
        """
        if len(names) == 1 and self.is_set(names[0], namespace) and not (since or until or limit):
            one: AxonSet = namespace[names[0]]
            return one
        patterns: list[str] = []
        for name in names:
            value: Any = namespace.get(name)
            if self.is_set(name, namespace):
                patterns += [axon.id for axon in value]
            elif name in self.aliases:
                patterns.append(self.aliases[name].id)
            else:
                patterns.append(name)
        return self.client.axon_set(patterns or None, since=since, until=until, limit=limit)

    def use(self, axon: Axon, alias: str | None = None) -> None:
        """Make *axon* the current one."""
        self.current = axon
        if axon.name and axon.name not in self.seen:
            self.seen.append(axon.name)
        if alias:
            self.aliases[alias] = axon

    # -- what it holds

    def known_schema(self, axon: Axon, *, within: float = float("inf")) -> Schema | None:
        """Return the schema if it is known and at most *within* seconds old; sends no request."""
        schema, when = self._schemas.get(axon.id, (None, 0.0))
        return schema if time.monotonic() - when <= within else None

    def fetch_schema(self, axon: Axon) -> Schema:
        """Ask the server for the schema, and keep it; may run in any thread."""
        from ..sql.schema import SCHEMA_QUERY, Schema

        schema = Schema.from_rows(axon.execute(SCHEMA_QUERY).rows)
        self._schemas[axon.id] = (schema, time.monotonic())
        return schema

    def forget_schema(self, axon: Axon) -> None:
        """Something was defined or dropped: what was known may be wrong."""
        self._schemas.pop(axon.id, None)

    def prefetch_schema(self, axon: Axon) -> None:
        """Fetch the schema without waiting, for completion; silent if that fails."""
        if self._prefetch is not None and not self._prefetch.done:
            return

        def work() -> None:
            # Completion is then without names; the next query tells what is wrong.
            with contextlib.suppress(AxonError):
                self.fetch_schema(axon)

        self._prefetch = Task(work, name="axon-schema")
