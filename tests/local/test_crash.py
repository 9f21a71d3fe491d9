"""kill -9 in the middle of publishing: what was answered is there, once, without a hole."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from axon_notebook.local.process.launcher import ServiceAddress, ensure_service

from ..waiting import wait_until


class Publisher(threading.Thread):
    """Publishes over one connection until the service dies; keeps what was answered."""

    def __init__(self, wire: Any, axon_id: str, name: str) -> None:
        super().__init__(name=name)
        self.wire, self.axon_id = wire, axon_id
        self.answered: dict[int, str] = {}

    def run(self) -> None:
        number = 0
        try:
            with self.wire.connect(timeout=300) as sock:
                while True:
                    number += 1
                    payload = f"{self.name}-{number}"
                    event = {"source": "t", "event_type": "t", "origin": "USER_EVENT"}
                    body = json.dumps({**event, "payload": payload}).encode()
                    path = f"/v1/axons/{self.axon_id}/publish"
                    sock.sendall(self.wire.head("POST", path, length=len(body)) + body)
                    answer = self.wire.read(sock)
                    if answer.status != 200:
                        return
                    self.answered[answer.json["sequence"]] = payload
        except (OSError, http.client.HTTPException):
            return  # killed in the middle of an answer


def stored(home: Path, axon_id: str) -> dict[int, str]:
    """What is on disk, read past the service; the file is whole, or this fails."""
    connection = apsw.Connection(str(home / "axons" / f"{axon_id}.db"))
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT sequence, payload FROM rl_axon_events")
        return {int(sequence): str(payload) for sequence, payload in rows}
    finally:
        connection.close()


@pytest.mark.parametrize(
    "rounds",
    [
        8,
        pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
    ],
)
def test_no_answered_event_is_lost_by_kill_nine(home: Path, wire_to: Any, rounds: int) -> None:
    """Four publishers at full speed; the service is killed again and again, on the same axon."""
    axon_id = wire_to(ensure_service(home)).create("crash")
    answered: dict[int, str] = {}
    for turn in range(rounds):
        least = turn % 10 + 1  # answers, so that no machine is too slow to have any
        address = ensure_service(home)
        publishers = [Publisher(wire_to(address), axon_id, f"{turn}.{n}") for n in range(4)]
        for publisher in publishers:
            publisher.start()
        wait_until(lambda all_=publishers, n=least: sum(len(p.answered) for p in all_) >= n)
        os.kill(address.pid, signal.SIGKILL)
        for publisher in publishers:
            publisher.join()
            twice = answered.keys() & publisher.answered.keys()
            assert not twice, f"round {turn}: answered twice: {sorted(twice)[:5]}"
            answered |= publisher.answered

        found = stored(home, axon_id)
        assert {n: found.get(n) for n in answered} == answered, f"round {turn}: lost"
        assert sorted(found) == list(range(1, len(found) + 1)), f"round {turn}: a hole"
    assert len(answered) >= rounds


def test_a_reader_resumes_after_kill_nine_where_it_was(home: Path, wire_to: Any) -> None:
    """The next service knows the sequence; the reader asks for what follows it."""
    first: ServiceAddress = ensure_service(home)
    axon_id = wire_to(first).create()
    for _ in range(5):
        wire_to(first).publish(axon_id)
    os.kill(first.pid, signal.SIGKILL)
    wire = wire_to(ensure_service(home))
    wire.publish(axon_id, "after")

    with wire.connect() as sock:
        sock.sendall(wire.head("GET", f"/v1/axons/{axon_id}/subscribe/sse?after_sequence=5"))
        raw = b""
        while b"\n\n" not in raw.partition(b"\r\n\r\n")[2]:
            raw += sock.recv(4096)

    assert b'"sequence":6' in raw
    assert b'"payload":"after"' in raw
    assert b'"sequence":5' not in raw
