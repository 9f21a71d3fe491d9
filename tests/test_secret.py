"""The key shows nowhere: a canary is looked for in all that forty errors print.

Every snippet runs in a real IPython, in each of its traceback modes, with the
frames shown in full (``%tb``), beside logging at DEBUG and all warnings.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import axon_notebook
from axon_notebook.config import Secret, Settings

from .waiting import wait_until

CANARY = "rl-canary-5f3e9a71c2"

#: Each must raise; `url` answers with `status`, `client` connects to it, `axon` is an axon of it.
SNIPPETS = [
    "client.axon('axn_1')",
    "client.axon('name')",
    "client.create_axon('x')",
    "client.axons()",
    "axon.info()",
    "axon.publish('t', {'a': 1})",
    "axon.publish('t', object())",
    "axon.publish('t', origin='NOBODY')",
    "axon.publish('t', 'x' * 5_000_000)",
    "axon.publish_many([('t', 1), ('t', object())])",
    "axon.sql('select 1')",
    "axon.sql('select :missing', {})",
    "axon.execute('select 1')",
    "axon.batch(['select 1', 'select 2'])",
    "axon.events(5)",
    "axon.update(metadata={})",
    "axon.delete()",
    "next(axon.subscribe(max_failures=0))",
    "client.devbox('dbx_1')",
    "an.connect('ftp://host', api_key=KEY)",
    "an.connect('http://example.invalid', api_key=KEY)",
    "an.connect('https://user:pw@example.invalid', api_key=KEY)",
    "an.connect('http://127.0.0.1:9', api_key=BROKEN)",
    "an.connect(dead, api_key=KEY).axon('axn_1')",
    "an.connect(dead, api_key=KEY).axons()",
    "an.connect(dead, api_key=KEY).create_axon('x')",
    "pickle.dumps(client.settings)",
    "pickle.dumps(client.settings.api_key)",
    "copy.deepcopy(client.settings.api_key)",
    "json.dumps(client.settings.api_key)",
    "msgspec.json.encode(client.settings)",
    "int(client.settings.api_key)",
    "client.settings.api_key + 'x'",
    "client.settings.api_key.nope",
    "client.nope",
    "axon.nope",
    "repr(client) / 0",
    "str(vars(client)) + str(vars(axon)) / 0",
    "f'{client.settings}{client.settings.api_key!r}' / 0",
    "client._api._http.endpoint / 0",
    "str([client, axon, client.settings, client._api.endpoint]) / 0",
    "client.close(); axon.info()",
]

PROGRAM = """
import copy, io, json, logging, pickle, sys, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
warnings.simplefilter('always')
import msgspec
from IPython.terminal.interactiveshell import TerminalInteractiveShell
import axon_notebook as an
from axon_notebook.axon import Axon
from axon_notebook.config import Secret
from axon_notebook.models import AxonInfo

job = json.load(sys.stdin)
shell = TerminalInteractiveShell.instance(colors='nocolor', history_load_length=0)
KEY = Secret(job['key'])
BROKEN = Secret(job.pop('key') + '\\n')
for mode in ('Minimal', 'Plain', 'Context', 'Verbose'):
    shell.run_line_magic('xmode', mode)
    for url in job['urls']:
        for snippet in job['snippets']:
            client = an.connect(url, api_key=KEY)
            axon = Axon(client._api, AxonInfo('axn_1', 0, 'x'))
            shell.user_ns.update(client=client, axon=axon, an=an, KEY=KEY, BROKEN=BROKEN,
                                 dead=job['dead'], pickle=pickle, copy=copy, json=json,
                                 msgspec=msgspec)
            result = shell.run_cell(snippet)
            print('###', mode, snippet, 'RAISED' if result.error_in_exec else 'FINE')
            shell.run_line_magic('tb', mode)
            print(repr(client), vars(client), vars(axon), repr(client.settings))
            client.close()
"""


class Answering:
    """A server that answers everything with one status."""

    def __init__(self, status: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        body = json.dumps({"code": str(status), "message": "no"}).encode()
        self._answer = (
            f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.keys: list[bytes] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65536)
                self.keys += [
                    x for x in request.split(b"\r\n") if x[:14].lower() == b"authorization:"
                ]
                connection.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def servers() -> Iterator[list[Answering]]:
    open_ones = [Answering(401), Answering(422)]
    yield open_ones
    for server in open_ones:
        server.close()


def test_no_error_in_any_traceback_mode_shows_the_key(
    servers: list[Answering], tmp_path: Path
) -> None:
    """One screenshot of a traceback is enough to lose an account."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
    job = {
        "key": CANARY,
        "urls": [server.url for server in servers],
        "dead": dead,
        "snippets": SNIPPETS,
    }

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=220,
        env={"PATH": "", "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    verdicts = [line for line in done.stdout.splitlines() if line.startswith("###")]
    assert len(verdicts) == 4 * 2 * len(SNIPPETS)
    assert [line for line in verdicts if line.endswith("FINE")] == []
    assert any(CANARY.encode() in key for server in servers for key in server.keys)
    assert CANARY not in done.stdout
    assert CANARY not in done.stderr


def test_a_secret_shows_as_stars_in_every_form() -> None:
    """Whatever prints the settings, prints no key."""
    secret = Secret(CANARY)
    settings = Settings.resolve("https://example.invalid", api_key=CANARY, environ={})

    shown = f"{secret} {secret!r} {secret:>30} {settings} {[secret]} {logging.Formatter()}"

    assert CANARY not in shown
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    "leak",
    [pickle.dumps, copy.deepcopy, copy.copy, json.dumps, msgspec.json.encode],
    ids=lambda f: f"{f.__module__}.{f.__name__}",
)
def test_a_secret_leaves_the_process_by_no_serialiser(leak: object) -> None:
    """A pickled notebook state or a JSON dump would carry it away."""
    with pytest.raises(TypeError):
        leak(Secret(CANARY))  # type: ignore[operator]


def test_proxies_of_the_environment_never_see_a_loopback_request(
    monkeypatch: pytest.MonkeyPatch, servers: list[Answering]
) -> None:
    """By itself httpx would hand the token of a local service to the office's proxy."""
    proxy, server = servers
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("ALL_PROXY", proxy.url)

    with (
        axon_notebook.connect(server.url, api_key=CANARY) as client,
        pytest.raises(axon_notebook.AxonError),
    ):
        client.axon("axn_1")

    wait_until(lambda: server.keys)
    assert proxy.keys == []
