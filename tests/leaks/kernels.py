"""A real kernel whose threads, sockets, files, comms and memory are counted from inside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from jupyter_client.manager import KernelManager

__all__ = ["Kernel", "Level", "wait_for"]

#: Kept in the kernel: counts of everything a forgotten object would hold.
COUNT = """
def axon_level():
    import comm, gc, json, psutil, threading
    from ipywidgets.widgets import widget
    gc.collect()
    process = psutil.Process()
    names = sorted(t.name for t in threading.enumerate() if t.name.startswith("axon"))
    print(json.dumps(dict(
        threads=threading.active_count(), own=names, files=process.num_fds(),
        sockets=len(process.net_connections()), comms=len(comm.get_comm_manager().comms),
        widgets=len(widget._instances), processes=len(process.children(recursive=True)),
        memory=process.memory_info().rss)))
"""


class Level(NamedTuple):
    """What a kernel holds; ``memory`` is its resident set in bytes."""

    threads: int
    own: list[str]
    files: int
    sockets: int
    comms: int
    widgets: int
    processes: int
    memory: int

    @property
    def counts(self) -> dict[str, Any]:
        """All but the memory, which is never the same twice."""
        return {name: value for name, value in self._asdict().items() if name != "memory"}


class Kernel:
    """One kernel with the package imported as ``an``; ``with`` ends it.

    Args:
        home: Where its embedded service lives.
    """

    def __init__(self, home: Path) -> None:
        self._manager = KernelManager()
        self._home = home

    def __enter__(self) -> Self:
        import os

        env = {**os.environ, "AXON_NOTEBOOK_HOME": str(self._home)}
        self._manager.start_kernel(env=env)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=300)
        assert self.run("import psutil, axon_notebook as an\n" + COUNT)["status"] == "ok"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    def send(self, code: str, *, cell: str = "") -> str:
        """Begin to run *code* as the cell of this id; return the request's id."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        session = self._client.session
        message = session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def wait_begun(self, request: str, *, timeout: float = 300) -> None:
        """Wait until the kernel runs *request*; an interrupt before that is lost."""
        while True:
            message = self._client.get_iopub_msg(timeout=timeout)
            begun = message["msg_type"] == "execute_input"
            if begun and message["parent_header"].get("msg_id") == request:
                return

    def wait(self, request: str, *, timeout: float = 300) -> dict[str, Any]:
        """Return the reply, with what was printed as ``printed``."""
        printed = ""
        while True:
            message = self._client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            printed += content.get("text", "") if message["msg_type"] == "stream" else ""
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        while True:
            reply = self._client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == request:
                return {**reply["content"], "printed": printed}

    def run(self, code: str, *, cell: str = "") -> dict[str, Any]:
        """Run *code* to its end; return the reply, with what was printed as ``printed``."""
        return self.wait(self.send(code, cell=cell))

    def good(self, code: str, *, cell: str = "") -> str:
        """Run *code*, which must not fail; return what it printed."""
        reply = self.run(code, cell=cell)
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", ()))
        return str(reply["printed"])

    def interrupt(self) -> None:
        """Press the stop button."""
        self._manager.interrupt_kernel()

    def level(self) -> Level:
        """Count."""
        return Level(**json.loads(self.good("axon_level()")))


def wait_for(happened: Callable[[], bool], timeout: float = 120) -> bool:
    """Whether it happened, sooner or later."""
    deadline = time.monotonic() + timeout
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happened()
