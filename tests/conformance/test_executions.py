"""Runloop's own Python SDK, unmodified, against devboxes and executions."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import runloop_api_client
from runloop_api_client import AsyncRunloopSDK, RunloopSDK
from runloop_api_client.sdk import Devbox
from runloop_api_client.types.devboxes import ExecutionUpdateChunk

from axon_notebook.local.process.launcher import ServiceAddress

LINES = "seq 1000; seq 1000 | sed s/^/e/ >&2"
FULL = "".join(f"{i}\n" for i in range(1, 1001))


@pytest.fixture(scope="module")
def sdk(service: ServiceAddress) -> Iterator[RunloopSDK]:
    with RunloopSDK(bearer_token=service.token.reveal(), base_url=service.base_url) as sdk:
        yield sdk


@pytest.fixture(scope="module")
def box(sdk: RunloopSDK) -> Iterator[Devbox]:
    with sdk.devbox.create(name="conformance") as box:
        yield box


def test_exec_gives_output_and_exit_code(box: Devbox) -> None:
    """The first example of every quick start."""
    result = box.cmd.exec("echo out; echo err >&2; exit 3")

    assert (result.stdout(), result.stderr(), result.exit_code) == ("out\n", "err\n", 3)
    assert result.failed


def test_a_long_output_is_truncated_in_the_view_and_whole_in_the_result(box: Devbox) -> None:
    """The SDK then streams the log, and the last chunk must not come twice."""
    result = box.cmd.exec(LINES)

    assert result.result.stdout_truncated
    assert result.result.stdout == "".join(f"{i}\n" for i in range(901, 1001))
    assert result.stdout() == FULL
    assert result.stdout(num_lines=3) == "998\n999\n1000"
    assert result.stderr(num_lines=500).startswith("e501\n")


def test_exec_async_calls_back_with_each_stream(box: Devbox) -> None:
    """Callbacks run while the command does."""
    out, err, both = [], [], []
    seen = threading.Event()

    def on_stdout(text: str) -> None:
        out.append(text)
        seen.set()

    execution = box.cmd.exec_async(
        "echo first; read line; echo $line; echo e >&2",
        attach_stdin=True,
        stdout=on_stdout,
        stderr=err.append,
        output=both.append,
    )
    assert seen.wait(20)
    running = execution.get_state().status
    execution.send_std_in("second\n")
    result = execution.result()

    assert running == "running"
    assert result.exit_code == 0
    assert ("".join(out), "".join(err)) == ("first\nsecond\n", "e\n")
    assert sorted("".join(both)) == sorted("first\nsecond\ne\n")


def test_stdin_ends_when_it_is_closed(box: Devbox) -> None:
    """`cat` is the smallest command that shows it."""
    execution = box.cmd.exec_async("cat", attach_stdin=True)
    execution.send_std_in("a€\n")
    execution.close_std_in()

    assert execution.result().stdout() == "a€\n"


def test_kill_ends_the_command(box: Devbox) -> None:
    """A killed command is completed, with the status a shell would give it."""
    execution = box.cmd.exec_async("sleep 600")
    running = execution.get_state()
    execution.kill()

    assert (running.status, running.exit_status, running.stdout) == ("running", None, None)
    assert execution.result().exit_code == 143


def test_an_interrupt_reaches_the_command(sdk: RunloopSDK, box: Devbox) -> None:
    """The way to stop a program and let it tidy up."""
    ready = threading.Event()
    execution = box.cmd.exec_async(
        "trap 'echo bye; exit 5' INT; echo ready; sleep 600",
        attach_stdin=True,
        stdout=lambda _: ready.set(),
    )
    assert ready.wait(20)

    sent = sdk.api.devboxes.executions.send_std_in(
        execution.execution_id, devbox_id=box.id, signal="INTERRUPT"
    )
    result = execution.result()

    assert sent.success
    assert (result.stdout(), result.exit_code) == ("ready\nbye\n", 5)


def test_execute_and_await_completion_runs_a_command_once_per_id(
    sdk: RunloopSDK, box: Devbox
) -> None:
    """The id makes a repeated request harmless."""
    devboxes = sdk.api.devboxes
    first = devboxes.execute_and_await_completion(box.id, command="echo x >> once; cat once")
    again = devboxes.execute(
        box.id, command="echo x >> once; cat once", command_id=first.execution_id
    )

    assert (first.stdout, again.stdout) == ("x\n", "x\n")
    assert again.execution_id == first.execution_id
    with pytest.raises(runloop_api_client.BadRequestError, match="UUID"):
        devboxes.execute(box.id, command="true", command_id="my-command")


def test_execute_does_not_wait_longer_than_it_is_told(sdk: RunloopSDK, box: Devbox) -> None:
    """The command goes on; only the answer does not wait for it."""
    devboxes = sdk.api.devboxes
    view = devboxes.execute_and_await_completion(
        box.id, command="sleep 0.5; echo late", optimistic_timeout=0, last_n="5"
    )

    assert (view.status, view.exit_status) == ("completed", 0)
    assert devboxes.executions.retrieve(view.execution_id, devbox_id=box.id).stdout == "late\n"


def test_execute_sync_answers_the_whole_output(sdk: RunloopSDK, box: Devbox) -> None:
    """Deprecated, and still in people's scripts."""
    with pytest.warns(DeprecationWarning, match="deprecated"):
        done = sdk.api.devboxes.execute_sync(box.id, command=LINES)

    assert (done.stdout, done.exit_status) == (FULL, 0)


def test_waiting_longer_than_the_hold_is_a_408(sdk: RunloopSDK, box: Devbox) -> None:
    """The SDK's polling is built on it."""
    execution = box.cmd.exec_async("sleep 600")
    patient = sdk.api.with_options(max_retries=0).devboxes
    try:
        with pytest.raises(runloop_api_client.APIStatusError) as refused:
            patient.wait_for_command(
                execution.execution_id, devbox_id=box.id, statuses=["completed"], timeout_seconds=1
            )
        running = patient.wait_for_command(
            execution.execution_id, devbox_id=box.id, statuses=["running"]
        )
    finally:
        execution.kill()

    assert refused.value.status_code == 408
    assert running.status == "running"


def test_last_n_says_how_many_lines(sdk: RunloopSDK, box: Devbox) -> None:
    """The view is a look at the end, not the log."""
    done = box.cmd.exec("seq 10")
    retrieve = sdk.api.devboxes.executions.retrieve

    two = retrieve(done.execution_id, devbox_id=box.id, last_n="2")
    all_of_them = retrieve(done.execution_id, devbox_id=box.id, last_n="10")

    assert (two.stdout, two.stdout_truncated) == ("9\n10\n", True)
    assert all_of_them.stdout_truncated is False
    with pytest.raises(runloop_api_client.BadRequestError, match="last_n"):
        retrieve(done.execution_id, devbox_id=box.id, last_n="many")


def test_chunks_carry_the_position_after_them(sdk: RunloopSDK, box: Devbox) -> None:
    """So the SDK's own reconnect, which sends the last offset, gets each byte once."""
    done = box.cmd.exec("printf 'a€'; sleep 0.3; printf 'b\\377c'")
    stream = sdk.api.devboxes.executions.stream_stdout_updates

    def chunks(offset: str) -> list[ExecutionUpdateChunk]:
        with stream(done.execution_id, devbox_id=box.id, offset=offset) as opened:
            return list(opened)

    assert [(c.output, c.offset) for c in chunks("0")] == [("a€b�c", 7)]
    assert [(c.output, c.offset) for c in chunks("4")] == [("b�c", 7)]
    assert chunks("7") == []


def test_logs_tell_command_lines_and_exit(box: Devbox) -> None:
    """What `rli devbox logs` shows."""
    done = box.cmd.exec("echo one; echo two >&2; exit 4")

    logs = box.logs(execution_id=done.execution_id).logs

    assert [log.cmd for log in logs if log.cmd] == ["echo one; echo two >&2; exit 4"]
    assert [(log.level, log.message) for log in logs if log.message is not None] == [
        ("info", "one"),
        ("error", "two"),
    ]
    assert [log.exit_code for log in logs if log.exit_code is not None] == [4]


def test_files_are_written_read_and_downloaded(box: Devbox) -> None:
    """How a script gets into a devbox in most examples."""
    box.file.write(file_path="src/run.sh", contents="echo 'é'\r\nexit 3\n")
    box.cmd.exec("printf '\\377\\0' > raw")

    assert box.file.read(file_path="src/run.sh") == "echo 'é'\r\nexit 3\n"
    assert box.file.read(file_path="~/src/run.sh") == "echo 'é'\r\nexit 3\n"
    assert box.file.download(path="raw") == b"\xff\0"
    with pytest.raises(runloop_api_client.NotFoundError, match="File not found"):
        box.file.read(file_path="none")
    with pytest.raises(runloop_api_client.BadRequestError, match="not a regular file"):
        box.file.read(file_path="src")
    with pytest.raises(runloop_api_client.BadRequestError, match="cannot be used"):
        box.file.write(file_path="raw/inside", contents="")


def test_files_are_uploaded_to_the_home(box: Devbox, tmp_path: Path) -> None:
    """Of any size and content; `/home/user` is the devbox directory."""
    content = bytes(range(256)) * 40_000 + b"\r\n--boundary\r\n"
    (tmp_path / "big").write_bytes(content)
    box.file.upload(path="/home/user/deep/big", file=tmp_path / "big")
    box.file.upload(path="~/small", file=b"")

    assert box.file.download(path="deep/big") == content
    assert box.cmd.exec("wc -c < small").stdout() == "0\n"
    with pytest.raises(runloop_api_client.BadRequestError, match="outside the devbox"):
        box.file.upload(path="/etc/motd", file=b"x")
    with pytest.raises(runloop_api_client.BadRequestError, match="leads out"):
        box.file.upload(path="../x", file=b"x")


def test_a_devbox_is_suspended_and_resumed(sdk: RunloopSDK) -> None:
    """Files stay, and so does the id."""
    with sdk.devbox.create() as box:
        box.file.write(file_path="kept", contents="x")
        box.suspend()
        suspended = box.await_suspended().status
        box.resume()
        running = box.await_running().status
        text = box.file.read(file_path="/home/user/kept")

    assert (suspended, running, text) == ("suspended", "running", "x")


def test_a_devbox_is_created_listed_and_shut_down(sdk: RunloopSDK) -> None:
    """The life of a devbox, in the SDK's words."""
    box = sdk.devbox.create(
        name="short",
        metadata={"team": "a"},
        environment_variables={"WHO": "me"},
        launch_parameters={
            "launch_commands": ["echo $WHO > made"],
            "resource_size_request": "SMALL",
            "keep_alive_time_seconds": 300,
        },
    )
    info = box.get_info()
    text = box.cmd.exec("cat made").stdout()
    running = [b.id for b in sdk.api.devboxes.list(status="running")]
    ended = box.shutdown()

    assert (info.status, info.name, info.metadata) == ("running", "short", {"team": "a"})
    assert info.launch_parameters.resource_size_request == "SMALL"
    assert text == "me\n"
    assert box.id in running
    assert (ended.status, ended.shutdown_reason) == ("shutdown", "api_shutdown")
    assert [t.status for t in ended.state_transitions] == ["initializing", "running", "shutdown"]
    with pytest.raises(runloop_api_client.BadRequestError, match="not running"):
        box.cmd.exec("true")


def test_pages_of_devboxes_follow_each_other(sdk: RunloopSDK) -> None:
    """The SDK walks them by itself."""
    made = [sdk.devbox.create().id for _ in range(3)]
    found = []
    for devbox in sdk.api.devboxes.list(limit=2):
        found.append(devbox.id)
        if made[0] in found:
            break
    for devbox_id in made:
        sdk.api.devboxes.shutdown(devbox_id)

    assert [i for i in found if i in made] == made[::-1]


def test_what_is_not_there_is_not_found(sdk: RunloopSDK, box: Devbox) -> None:
    """Each with its own sentence."""
    executions = sdk.api.devboxes.executions
    with pytest.raises(runloop_api_client.NotFoundError, match="Devbox not found"):
        sdk.api.devboxes.retrieve("dbx_none")
    with pytest.raises(runloop_api_client.NotFoundError, match="Devbox not found"):
        executions.execute_async("dbx_none", command="true")
    with pytest.raises(runloop_api_client.NotFoundError, match="Execution not found"):
        executions.retrieve("none", devbox_id=box.id)
    with pytest.raises(runloop_api_client.NotFoundError, match="Execution not found"):
        executions.stream_stdout_updates("none", devbox_id=box.id)


def test_the_token_of_the_service_is_in_no_command(service: ServiceAddress, box: Devbox) -> None:
    """A command may print its whole environment and its parents' command lines."""
    text = box.cmd.exec("env; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").stdout()

    assert service.token.reveal() not in text
    assert not re.search("RUNLOOP_", text.split("AXON_NOTEBOOK_EXECUTION")[0])


def test_the_async_sdk_does_the_same(service: ServiceAddress) -> None:
    """Its code is another one: tasks instead of threads."""

    async def use() -> tuple[str, str, int | None, list[str], int | None]:
        async with (
            AsyncRunloopSDK(bearer_token=service.token.reveal(), base_url=service.base_url) as sdk,
            await sdk.devbox.create() as box,
        ):
            done = await box.cmd.exec(LINES)
            full, last = await done.stdout(), await done.stdout(num_lines=1)
            parts: list[str] = []
            running = await box.cmd.exec_async("cat", attach_stdin=True, stdout=parts.append)
            await running.send_std_in("in\n")
            await running.close_std_in()
            exit_code = (await running.result()).exit_code
            killed = await box.cmd.exec_async("sleep 600")
            await killed.kill()
            return full, last, exit_code, parts, (await killed.result()).exit_code

    full, last, exit_code, parts, killed = asyncio.run(use())

    assert (full, last) == (FULL, "1000")
    assert (exit_code, parts) == (0, ["in\n"])
    assert killed == 143
