"""Files for an agent: put into its devbox, because it cannot read the kernel's disk."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import time
from typing import TYPE_CHECKING, Final

from ..errors import AgentError, NotFound, ServerError
from .attachments import HOME
from .untrusted import fields_of, text

if TYPE_CHECKING:
    from ..models import ExecutionInfo
    from ..wire.api import ApiClient

__all__ = ["send_file"]

FOLDER: Final = "attachments"
SECONDS: Final = 120.0
#: Seconds of one question whether the command has ended.
HOLD: Final = 20.0
BUSY: Final = 0.2
NAME_CHARS: Final = 80
#: Bytes of a file in one request; a multiple of 3, so that base64 needs no padding inside.
PIECE: Final = 600_000
#: The newest event of a broker that names its devbox.
DEVBOX: Final = """
SELECT payload FROM rl_axon_events
WHERE event_type IN ('devbox.running', 'devbox.resumed') AND origin IN (4, 'SYSTEM_EVENT')
ORDER BY sequence DESC LIMIT 1
"""


def send_file(api: ApiClient, axon_id: str, name: str, data: bytes) -> str:
    """Write *data* into the folder ``attachments`` of the agent's devbox; return the path.

    The same content of the same name has the same path.

    Raises:
        AgentError: There is no running devbox, or it does not take the file.
    """
    devbox = _devbox(api, axon_id)
    if not devbox:
        raise AgentError(
            f"{name!r} does not fit into the prompt, and there is no running devbox to send it to"
        )
    plain = re.sub(r"[^\w.+-]", "_", name)[-NAME_CHARS:] or "attachment"
    path = f"{FOLDER}/{hashlib.sha256(data).hexdigest()[:8]}-{plain}"
    # By the shell: it is the one way in which every service takes any bytes.
    command = f"mkdir -p {FOLDER} && base64 -d > {shlex.quote(path)}"
    execution = api.execute_async(devbox, command, attach_stdin=True).execution_id
    for start in range(0, len(data), PIECE):
        piece = base64.b64encode(data[start : start + PIECE]).decode()
        _feed(api, devbox, execution, {"text": f"{piece}\n"}, name)
    _feed(api, devbox, execution, {"signal": "EOF"}, name)
    ended = _ended(api, devbox, execution, name)
    if ended.exit_status != 0:
        said = (ended.stderr or "").strip()[-200:] or f"exit status {ended.exit_status}"
        raise AgentError(f"{name!r} could not be written in the devbox: {said}")
    return f"{HOME}/{path}"


def _devbox(api: ApiClient, axon_id: str) -> str:
    rows = api.query(axon_id, DEVBOX).by_rows().rows
    named = text(fields_of(str(rows[0][0])).get("devbox_id")) if rows else ""
    try:
        return named if named and api.get_devbox(named).status == "running" else ""
    except NotFound:
        return ""


def _feed(api: ApiClient, devbox: str, execution: str, body: dict[str, str], name: str) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if api.send_stdin(devbox, execution, body):
            return
        # It has not read what came before; the question below lets it.
        if (ended := _answer(api, devbox, execution, BUSY)) is not None:
            said = (ended.stderr or "").strip()[-200:] or f"exit status {ended.exit_status}"
            raise AgentError(f"{name!r} could not be written in the devbox: {said}")
    raise AgentError(f"{name!r} could not be sent: the devbox does not read it")


def _ended(api: ApiClient, devbox: str, execution: str, name: str) -> ExecutionInfo:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if (ended := _answer(api, devbox, execution, HOLD)) is not None:
            return ended
    raise AgentError(f"{name!r} was not written in the devbox within {SECONDS:g} s")


def _answer(api: ApiClient, devbox: str, execution: str, hold: float) -> ExecutionInfo | None:
    """Return how the command has ended; ``None`` if it runs after *hold* seconds."""
    try:
        return api.wait_for_execution(devbox, execution, hold=hold)
    except ServerError as error:
        if error.status != 408:
            raise
    return None
