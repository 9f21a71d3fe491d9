"""Whether an axon has an agent: the devbox with its broker, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, Protocol

import msgspec

from .errors import NotFound
from .models import DevboxInfo
from .wire.api import ApiClient

__all__ = ["AgentState", "agent_state"]

Status = Literal["none", "starting", "running", "suspended", "ended"]

#: The states of a devbox that has not ended, as the API names them.
STATES: Final[dict[str, Status]] = {
    "provisioning": "starting",
    "initializing": "starting",
    "resuming": "starting",
    "running": "running",
    "suspending": "suspended",
    "suspended": "suspended",
}

#: The newest event of a broker about its devbox or its end.
NEWEST: Final = """
SELECT event_type, payload FROM rl_axon_events
WHERE event_type IN ('devbox.running', 'devbox.resumed', 'devbox.suspended', 'devbox.shutdown',
                     'devbox.failed', 'broker.error')
  AND origin IN (4, 'SYSTEM_EVENT')
ORDER BY sequence DESC LIMIT 1
"""


class HasApi(Protocol):
    """An axon, as far as it is needed here."""

    @property
    def api(self) -> ApiClient:
        """Its connection."""

    @property
    def id(self) -> str:
        """Its identifier."""


class AgentState(msgspec.Struct, frozen=True):
    """What is known of an axon's agent.

    Attributes:
        status: ``none`` if no devbox was ever joined to the axon; ``starting`` while its
            launch commands run or it resumes; ``suspended`` if the next prompt wakes it.
        devbox_id: The devbox, empty if there is none.
        reason: Why it has ended, or in which state its devbox is.
    """

    status: Status
    devbox_id: str = ""
    reason: str = ""

    @property
    def exists(self) -> bool:
        """Whether a prompt will reach an agent, now or once its devbox runs."""
        return self.status in ("starting", "running", "suspended")


class BrokerEvent(msgspec.Struct):
    """The payload of a broker's system event."""

    devbox_id: str = ""
    reason: str = ""
    message: str = ""


def agent_state(axon: HasApi) -> AgentState:
    """Say whether *axon* has an agent that lives or is starting.

    Asks the history for the newest event of a broker, then the service for its devbox; a
    devbox that is still starting has published nothing and is looked for among the
    devboxes.

    Raises:
        AxonError: The service does not answer.
    """
    ended = AgentState("none")
    rows = axon.api.query(axon.id, NEWEST).by_rows().rows
    if rows:
        event_type, event = str(rows[0][0]), _decoded(rows[0][1])
        why = event.message or event.reason or event_type
        ended = AgentState("ended", event.devbox_id, why)
        if event_type not in ("devbox.shutdown", "devbox.failed", "broker.error"):
            found = _state_of(axon.api, event.devbox_id)
            if found.exists:
                return found
            ended = found
    starting = next(_mounted(axon.api, axon.id), None)
    if starting is None or (starting.id == ended.devbox_id and starting.status == "running"):
        return ended
    return _described(starting)


def _state_of(api: ApiClient, devbox_id: str) -> AgentState:
    try:
        return _described(api.get_devbox(devbox_id))
    except NotFound:
        return AgentState("ended", devbox_id, "its devbox is gone")


def _mounted(api: ApiClient, axon_id: str) -> Iterator[DevboxInfo]:
    """Yield devboxes that were created for the axon and have not ended, newest of each state."""
    for status in STATES:
        for info in api.list_devboxes(status=status, limit=100).devboxes:
            if info.metadata.get("axon_id") == axon_id or info.serves(axon_id):
                yield info


def _described(info: DevboxInfo) -> AgentState:
    status = STATES.get(info.status, "ended")
    why = info.failure_reason or info.shutdown_reason or f"its devbox is {info.status}"
    return AgentState(status, info.id, why)


def _decoded(payload: object) -> BrokerEvent:
    """Return the payload; an empty one if it is text for people."""
    try:
        return msgspec.json.decode(str(payload), type=BrokerEvent)
    except msgspec.DecodeError:
        return BrokerEvent(message=str(payload))
