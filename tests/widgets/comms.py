"""The kernel's end of widgets without a notebook: comms that write down what they would send."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from typing import Any

import comm
from comm.base_comm import BaseComm

__all__ = ["Comms", "RecordedComm"]


class RecordedComm(BaseComm):
    """A comm whose other end is the test."""

    comms: Comms

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        self.comms.take(self.comm_id, msg_type, data or {}, list(buffers or ()))


class Comms:
    """Every message of every comm that was opened since, in order."""

    def __init__(self, monkeypatch: Any) -> None:
        self.arrived = threading.Condition()
        self.messages: list[tuple[str, str, dict[str, Any], list[bytes]]] = []
        self.open: set[str] = set()
        kind = type("TestComm", (RecordedComm,), {"comms": self})
        monkeypatch.setattr(comm, "create_comm", kind)

    def take(self, comm_id: str, kind: str, data: dict[str, Any], buffers: list[bytes]) -> None:
        with self.arrived:
            self.messages.append((comm_id, kind, data, buffers))
            if kind == "comm_open":
                self.open.add(comm_id)
            elif kind == "comm_close":
                self.open.discard(comm_id)
            self.arrived.notify_all()

    def sent(self, widget_id: str, *kinds: str) -> list[tuple[dict[str, Any], bytes]]:
        """The widget's own messages of these kinds, each with its buffer."""
        found = []
        for comm_id, _, data, buffers in list(self.messages):
            content = data.get("content") if data.get("method") == "custom" else None
            if comm_id == widget_id and content and content["kind"] in kinds:
                found.append((content, buffers[0] if buffers else b""))
        return found

    def events(self, widget_id: str) -> list[dict[str, Any]]:
        """The events that ``ev`` messages brought."""
        rows: list[dict[str, Any]] = []
        for content, buffer in self.sent(widget_id, "ev"):
            rows += json.loads(zlib.decompress(buffer) if content["deflated"] else buffer)
        return rows

    def wait(self, until: Callable[[], bool]) -> None:
        with self.arrived:
            assert self.arrived.wait_for(until, timeout=300), self.messages[-3:]
