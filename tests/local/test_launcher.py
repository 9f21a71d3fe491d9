"""One service per home: found, started, raced for, replaced, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from axon_notebook.errors import ServiceError
from axon_notebook.local.process import launcher
from axon_notebook.local.process.home import Home
from axon_notebook.local.process.launcher import (
    ServiceAddress,
    ensure_service,
    find_service,
    service_status,
    stop_service,
)

from ..waiting import wait_until

EVENT = {"source": "t", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}


def gone(pid: int) -> bool:
    """Wait until the process has ended."""
    wait_until(
        lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    )
    return True


def kill(address: ServiceAddress) -> None:
    os.kill(address.pid, signal.SIGKILL)
    assert gone(address.pid)


def test_a_service_is_started_once_and_then_found(home: Path) -> None:
    """`started` tells the caller whether to say so."""
    first = ensure_service(home)
    second = ensure_service(home)

    assert (first.started, second.started) == (True, False)
    assert (second.base_url, second.pid) == (first.base_url, first.pid)
    assert find_service(home) == second


def test_finding_starts_nothing(home: Path) -> None:
    """Looking must not change what is looked at."""
    assert find_service(home) is None
    assert service_status(home) is None
    assert not home.exists()


def test_eight_processes_at_once_end_up_with_one_service(home: Path) -> None:
    """Eight notebooks opened by one click."""
    script = (
        "import sys; from pathlib import Path;"
        "from axon_notebook.local.process.launcher import *;"
        "a = ensure_service(Path(sys.argv[1])); print(a.pid, a.started)"
    )
    command = [sys.executable, "-c", script, str(home)]
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda _: subprocess.check_output(command, text=True), range(8)))

    pids, started = zip(*(line.split() for line in outputs), strict=True)
    assert len(set(pids)) == 1
    assert started.count("True") == 1


def test_the_service_is_has_a_session_of_its_own_and_no_parent(home: Path) -> None:
    """Ctrl-C in the notebook and the end of the kernel must not reach it."""
    before = set(psutil.Process().children())
    address = ensure_service(home)
    process = psutil.Process(address.pid)

    assert os.getsid(address.pid) == address.pid
    assert process.ppid() != os.getpid()
    assert set(psutil.Process().children()) <= before


def test_the_service_survives_its_starter(home: Path) -> None:
    """A kernel restart stops nothing: here the starter's whole process group is killed."""
    script = (
        "import sys, time; from pathlib import Path;"
        "from axon_notebook.local.process.launcher import *;"
        "print(ensure_service(Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with starter:
        pid = int(starter.stdout.readline())  # type: ignore[union-attr]
        os.killpg(starter.pid, signal.SIGINT)
        os.killpg(starter.pid, signal.SIGKILL)

    found = find_service(home)
    assert found is not None
    assert found.pid == pid


def test_a_killed_service_is_started_again_with_its_data(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """Its record lies about, and names a dead process."""
    first = ensure_service(home)
    axon_id = wire_to(first).create("kept")
    wire_to(first).publish(axon_id)
    kill(first)

    assert find_service(home) is None
    second = ensure_service(home)
    assert second.started
    assert second.token != first.token
    assert wire_to(second).publish(axon_id).json["sequence"] == 2


def test_a_recycled_pid_is_not_taken_for_the_service(home: Path) -> None:
    """After a reboot the recorded number may be anybody's: here it is this very process."""
    home.mkdir(mode=0o700)
    write_record(home, pid=os.getpid())

    assert find_service(home) is None
    assert ensure_service(home).started
    assert stop_service(home)


def write_record(home: Path, **changes: Any) -> None:
    record = {
        "url": f"http://127.0.0.1:{unused_port()}",
        "token": "t",
        "pid": 1,
        "version": "0.0.1",
        "started_at": "2026-01-01T00:00:00+00:00",
    }
    (home / "service.json").write_text(json.dumps({**record, **changes}))


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 100_000,
    ],
)
def test_another_program_on_the_port_is_not_taken_for_the_service(
    home: Path, answer: bytes
) -> None:
    """Ports are reused; the record of a killed service may point at anything."""
    home.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        write_record(home, url=f"http://127.0.0.1:{other.getsockname()[1]}")

        found = find_service(home)
        address = ensure_service(home)
        other.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert found is None
    assert address.started


def test_a_service_of_another_home_is_not_taken_for_this_one(
    home: Path, service: ServiceAddress
) -> None:
    """A copied home carries a record whose token is right, and whose data is elsewhere."""
    home.mkdir(mode=0o700)
    (home / "service.json").write_bytes((service.home / "service.json").read_bytes())

    assert find_service(home) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"url": 1}', b"\xff\xfe"])
def test_an_unreadable_record_is_as_none(home: Path, content: bytes) -> None:
    """Disks fill up, people edit."""
    home.mkdir(mode=0o700)
    (home / "service.json").write_bytes(content)

    assert find_service(home) is None


def test_a_record_elsewhere_than_loopback_is_never_asked(home: Path) -> None:
    """It would be given the token."""
    home.mkdir(mode=0o700)
    write_record(home, url="http://192.0.2.1:80")

    assert find_service(home) is None


def test_an_older_idle_service_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade the next connect() gets the new service."""
    first = ensure_service(home)
    monkeypatch.setattr(launcher, "__version__", "99.0.0")
    second = ensure_service(home)

    assert second.pid != first.pid
    assert gone(first.pid)


def test_an_older_service_in_use_is_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """An upgrade must not cut another notebook's stream."""
    first = ensure_service(home)
    wire = wire_to(first)
    with wire.connect() as reader:
        reader.sendall(wire.head("GET", f"/v1/axons/{wire.create()}/subscribe/sse"))
        reader.recv(1)
        monkeypatch.setattr(launcher, "__version__", "99.0.0")

        assert ensure_service(home).pid == first.pid


def test_stop_ends_the_process_and_frees_lock_port_and_record(home: Path) -> None:
    """What is left is the data and the log."""
    address = ensure_service(home)
    port = int(address.base_url.rpartition(":")[2])

    assert stop_service(home)
    assert gone(address.pid)
    assert not Home(home).is_served()
    assert not (home / "service.json").exists()
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0


def test_stopping_twice_says_there_was_nothing(home: Path) -> None:
    """`False` is the answer, not an error."""
    ensure_service(home)
    stop_service(home)

    assert not stop_service(home)


def test_stop_ends_a_service_that_does_not_answer(home: Path) -> None:
    """SIGSTOP is as stuck as a process can be."""
    address = ensure_service(home)
    os.kill(address.pid, signal.SIGSTOP)

    assert stop_service(home, timeout=0.5)
    assert gone(address.pid)


def test_a_service_that_does_not_answer_is_named(home: Path) -> None:
    """The error says which process, and the way out."""
    address = ensure_service(home)
    os.kill(address.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ServiceError, match=f"process {address.pid} .*axon-notebook stop"):
            ensure_service(home, timeout=0.5)
    finally:
        os.kill(address.pid, signal.SIGCONT)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_the_service_cleanly(home: Path, name: str) -> None:
    """Without a word of complaint in the log."""
    address = ensure_service(home)
    os.kill(address.pid, getattr(signal, name))

    assert gone(address.pid)
    assert not (home / "service.json").exists()
    log = (home / "service.log").read_text()
    assert log.rstrip().endswith("ended")
    assert "Traceback" not in log


def test_a_home_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    """The way out is another home."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ServiceError, match="AXON_NOTEBOOK_HOME"):
        ensure_service(tmp_path / "file" / "home")


def test_a_directory_used_for_something_else_is_refused(tmp_path: Path) -> None:
    """Making ~ or /tmp private would be a surprise."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "thesis.txt").write_text("mine")

    with pytest.raises(ServiceError, match="choose an empty directory"):
        ensure_service(shared)
    assert shared.stat().st_mode & 0o777 == 0o755


def test_a_service_that_cannot_start_gives_its_reason(home: Path) -> None:
    """A damaged registry here; the log's tail is in the error's detail."""
    home.mkdir(mode=0o700)
    (home / "registry.db").write_bytes(b"this is no database at all" * 100)

    with pytest.raises(ServiceError, match=r"did not start: .*service\.log") as caught:
        ensure_service(home)
    assert "file is not a database" in caught.value.detail[-1]


def test_an_idle_service_ends_by_itself(home: Path) -> None:
    """Nobody should have to remember to stop it."""
    command = [sys.executable, "-m", "axon_notebook.local", "--home", str(home)]
    subprocess.run([*command, "--idle-seconds", "0.5"], check=True, stdout=subprocess.PIPE)

    log = home / "service.log"
    # The lock goes last, a moment after the log's last line.
    wait_until(lambda: log.exists() and "ended" in log.read_text() and not Home(home).is_served())
    assert "idle for" in (home / "service.log").read_text()
    assert not Home(home).is_served()


def test_an_open_stream_keeps_the_service_alive(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """A viewer that waits for the next event is a client."""
    command = [sys.executable, "-m", "axon_notebook.local", "--home", str(home)]
    subprocess.run([*command, "--idle-seconds", "1"], check=True, stdout=subprocess.PIPE)
    address = ensure_service(home)
    wire = wire_to(address)
    with wire.connect() as reader:
        reader.sendall(wire.head("GET", f"/v1/axons/{wire.create()}/subscribe/sse"))
        reader.recv(1)
        time.sleep(2.5)

        assert psutil.pid_exists(address.pid)


def test_the_key_of_the_starter_is_not_in_the_services_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded service has no use for Runloop's key."""
    monkeypatch.setenv("RUNLOOP_API_KEY", "ak_canary")
    address = ensure_service(home)

    assert "ak_canary" not in repr(psutil.Process(address.pid).environ())


def test_proxy_variables_do_not_divert_the_launcher(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would be handed the token."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")

    assert ensure_service(home).started
    assert find_service(home) is not None


def test_the_address_shows_no_token(service: ServiceAddress) -> None:
    """It ends up in reprs and tracebacks."""
    token = service.token.reveal()
    record = Home(service.home).record()

    assert token not in repr(service)
    assert token not in repr(record)
    with pytest.raises((TypeError, msgspec.MsgspecError)):
        msgspec.json.encode(service)


def test_the_launcher_imports_no_web_library() -> None:
    """connect() and %load_ext pay for what they import."""
    script = (
        "import sys, axon_notebook.local.process.launcher;"
        "print([m for m in ('httpx', 'httptools', 'h2', 'apsw', 'asyncio', 'pandas')"
        " if m in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


def test_the_service_runs_without_uvloop(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """On Windows there is none; it only makes the service faster."""
    script = (
        "import sys; sys.modules['uvloop'] = None;"
        "from axon_notebook.local.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script, "serve", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        served.stdout.readline()
        wire = wire_to(ensure_service(home))
        axon_id = wire.create()
        sequence = wire.publish(axon_id).json["sequence"]
        with wire.connect() as reader:
            reader.sendall(wire.head("GET", f"/v1/axons/{axon_id}/subscribe/sse"))
            raw = b""
            while b"\n\n" not in raw:
                raw += reader.recv(4096)
            stopped = stop_service(home)
            while data := reader.recv(4096):
                raw += data
        code = served.wait(20)

    assert (sequence, stopped, code) == (1, True, 0)
    assert b'data: {"sequence":1,' in raw
    assert b'"message":"Server is stopping."' in raw
    assert "Traceback" not in (home / "service.log").read_text()
