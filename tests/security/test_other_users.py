"""Another account of the same machine: it can connect to loopback, and list processes.

Needs root, to become somebody else; without it the tests are skipped and named.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.local.process.launcher import ServiceAddress, ensure_service

NOBODY = 65534

#: As somebody else: read what lies there, look at the process, connect without the token.
STRANGER = """
import http.client, json, os, pathlib, sys
home, pid, port = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
said = {}

def attempt(name, act):
    try:
        said[name] = act()
    except OSError as error:
        said[name] = type(error).__name__

attempt("list", lambda: os.listdir(home))
attempt("record", (home / "service.json").read_text)
attempt("registry", lambda: (home / "registry.db").read_bytes().hex())
attempt("environment", pathlib.Path(f"/proc/{pid}/environ").read_text)
attempt("memory", lambda: open(f"/proc/{pid}/mem", "rb").read(1).hex())
attempt("files", lambda: os.listdir(f"/proc/{pid}/fd"))
attempt("command", pathlib.Path(f"/proc/{pid}/cmdline").read_text)
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
connection.request("GET", "/v1/axons")
said["answer"] = connection.getresponse().status
print(json.dumps(said))
"""


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The most careless setting there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_t10_whatever_the_umask_only_the_owner_can_read(
    open_umask: None, home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """Some systems make new files readable for all; ours must not depend on that."""
    wire = wire_to(ensure_service(home))
    axon_id = wire.create()
    wire.publish(axon_id, "secret")
    wire.ask("POST", f"/v1/axons/{axon_id}/sql/query", body=b'{"sql":"CREATE TABLE t (a)"}')

    modes = {str(path): stat.S_IMODE(path.lstat().st_mode) for path in [home, *home.rglob("*")]}

    assert any(path.endswith("-wal") for path in modes)
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="becoming another user needs root and setpriv",
)
def test_t10_another_user_gets_neither_data_nor_token(
    tmp_path_factory: pytest.TempPathFactory, home: Path
) -> None:
    """What is left for them is the refusal without a token."""
    for folder in (home.parent, *home.parent.parents):
        if folder.stat().st_uid == os.geteuid() and "pytest" in folder.name:
            folder.chmod(0o755)  # the home itself must be what keeps others out
    address = ensure_service(home)
    port = address.base_url.rpartition(":")[2]

    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    run = subprocess.run(
        [*become, sys.executable, "-I", "-c", STRANGER, str(home), str(address.pid), port],
        capture_output=True,
        text=True,
        timeout=300,
        cwd="/",
    )
    assert run.returncode == 0, run.stderr
    import json

    said = json.loads(run.stdout)

    for name in ("list", "record", "registry", "environment", "memory", "files"):
        assert said[name] == "PermissionError", name
    assert said["answer"] == 401
    assert address.token.reveal() not in run.stdout


def test_t10_the_service_listens_on_the_literal_loopback_address(service: ServiceAddress) -> None:
    """`localhost` may also be `::1`, where somebody else can listen on the same port."""
    port = int(service.base_url.rpartition(":")[2])

    assert service.base_url.startswith("http://127.0.0.1:")
    for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2")):
        with socket.socket(family) as sock:
            assert sock.connect_ex((address, port)) != 0
