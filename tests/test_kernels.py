"""Kernels come and go; the service and its axons stay, and the key stays out of notebooks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import ipykernel
import nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from axon_notebook.local.process.launcher import find_service

from .test_secret import CANARY, Answering

pytestmark = pytest.mark.kernel


@pytest.fixture
def kernel(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KernelManager]:
    """A real kernel whose embedded service lives in the test's own home."""
    monkeypatch.setenv("AXON_NOTEBOOK_HOME", str(home))
    monkeypatch.delenv("RUNLOOP_API_KEY", raising=False)
    manager = KernelManager()
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(manager: KernelManager, code: str) -> str:
    """Run *code* in the kernel; return what it printed."""
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=300)
        printed: list[str] = []

        def keep(message: dict[str, dict[str, str]]) -> None:
            printed.append(message["content"].get("text", ""))

        reply = client.execute_interactive(code, timeout=300, output_hook=keep)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed)
    finally:
        client.stop_channels()


LISTENING = """\
import asyncio, time
heard = []
def opened(comm, message):
    comm.on_msg(lambda message: heard.append(message))
get_ipython().kernel.comm_manager.register_target("listening", opened)"""
#: Ends once the message was taken, or after so many tenths of a second.
AWAITING = (
    "for _ in range({}):\n    await asyncio.sleep(0.1)\n    if heard: break\nprint(len(heard))"
)
BLOCKING = "for _ in range({}):\n    time.sleep(0.1)\n    if heard: break\nprint(len(heard))"


@pytest.mark.parametrize("cell", [AWAITING, BLOCKING], ids=["awaits", "blocks"])
@pytest.mark.parametrize("by_subshell", [False, True], ids=["shell", "subshell"])
def test_when_a_widget_is_heard_while_a_cell_runs(
    kernel: KernelManager, cell: str, by_subshell: bool
) -> None:
    """As docs/magics.md says: await helps from 7.4 on, subshells from 7.0 on."""
    client = kernel.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=300)
        features = client.kernel_info(reply=True, timeout=300)["content"]["supported_features"]
        at_once = "kernel subshells" in features
        subshell: dict[str, str] = {}
        if by_subshell and at_once:
            client.control_channel.send(client.session.msg("create_subshell_request", {}))
            subshell = client.get_control_msg(timeout=300)["content"]
        elif not by_subshell:
            at_once = cell == AWAITING and ipykernel.version_info[:2] >= (7, 4)
        client.execute_interactive(LISTENING, timeout=300)

        opening = {"comm_id": "1", "target_name": "listening", "data": {}}
        client.shell_channel.send(client.session.msg("comm_open", opening))
        request = client.execute(cell.format(300 if at_once else 10))
        while client.get_iopub_msg(timeout=300)["msg_type"] != "execute_input":
            pass  # the cell runs
        message = client.session.msg("comm_msg", {"comm_id": "1", "data": {}})
        if subshell:
            message["header"]["subshell_id"] = subshell["subshell_id"]
        client.shell_channel.send(message)

        printed = ""
        while not printed:
            found = client.get_iopub_msg(timeout=300)
            if found["parent_header"].get("msg_id") == request and found["msg_type"] == "stream":
                printed = found["content"]["text"]
        assert printed == f"{int(at_once)}\n"
    finally:
        client.stop_channels()


def test_a_kernel_restart_stops_nothing(kernel: KernelManager, home: Path) -> None:
    """The service is a process of its own, in a session of its own."""
    run(kernel, "import axon_notebook as an; c = an.connect(); a = c.create_axon('kept')")
    run(kernel, "a.publish('before')")
    before = find_service(home)
    assert before is not None

    kernel.interrupt_kernel()
    kernel.restart_kernel(now=True)
    shown = run(
        kernel,
        "import axon_notebook as an\n"
        "with an.connect() as c:\n"
        "    print(c.axon('kept').events()['event_type'].tolist())",
    )

    after = find_service(home)
    assert shown.strip() == "['before']"
    assert after is not None
    assert after.pid == before.pid


def test_a_service_outlives_the_kernel_that_started_it(kernel: KernelManager, home: Path) -> None:
    """Closing one notebook must not take the data from the other."""
    run(kernel, "import axon_notebook as an; an.connect().create_axon('kept')")
    address = find_service(home)
    assert address is not None

    kernel.shutdown_kernel(now=True)

    process = psutil.Process(address.pid)
    assert process.is_running()
    assert os.getsid(address.pid) == address.pid
    assert find_service(home) is not None


def test_a_saved_notebook_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks are mailed, committed and published; errors and reprs are in them."""
    server = Answering(401)
    monkeypatch.setenv("RUNLOOP_API_KEY", CANARY)
    monkeypatch.setenv("RUNLOOP_BASE_URL", server.url)
    cells = [
        "%load_ext axon_notebook",
        "%axon status",
        "%axon",
        "%axon ls",
        "%axon use something",
        "%axonsql SELECT 1",
        "%axon_publish t a=1",
        "import axon_notebook as an; client = an.connect(); client, vars(client)",
        "client.axon('axn_1')",
        "%tb",
        "%xmode Verbose",
        "client.axons()",
        "%tb",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])

    try:
        NotebookClient(book, timeout=300, allow_errors=True).execute()
    finally:
        server.close()
    path = tmp_path / "saved.ipynb"
    nbformat.write(book, path)

    errors = [o for c in book.cells for o in c.outputs if o.output_type == "error"]
    assert any(CANARY.encode() in key for key in server.keys)
    assert len(errors) >= 5
    assert CANARY not in path.read_text("utf-8")


def test_the_example_notebooks_name_this_kernel() -> None:
    """A notebook that asks for another kernel stops at the first click."""
    books = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

    names = {nbformat.read(b, as_version=4).metadata.kernelspec.name for b in books}

    assert names == {"python3"}
