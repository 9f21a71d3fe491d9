"""Named shells, as the smoke tests of Runloop's SDKs up to 1.29 use them.

`runloop-api-client` 3 has no `shell_name` any more; the field goes through `extra_body`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runloop_api_client import RunloopSDK
from runloop_api_client.sdk import Devbox
from runloop_api_client.sdk.execution import Execution

from axon_notebook.local.process.launcher import ServiceAddress

Shell = Callable[[str], Execution]


@pytest.fixture(scope="module")
def box(service: ServiceAddress) -> Iterator[Devbox]:
    with (
        RunloopSDK(bearer_token=service.token.reveal(), base_url=service.base_url) as sdk,
        sdk.devbox.create(name="shells") as box,
    ):
        yield box


@pytest.fixture
def shell(box: Devbox) -> Callable[[str], Shell]:
    def named(name: str) -> Shell:
        return lambda command: box.cmd.exec_async(command, extra_body={"shell_name": name})

    return named


def out(execution: Execution) -> str:
    return execution.result().stdout()


def test_directory_and_variables_last(shell: Callable[[str], Shell], tmp_path: Path) -> None:
    """`cd` and `export` in one command are there in the next."""
    run = shell("one")
    out(run(f"cd '{tmp_path}'; export A='a b' EMPTY= ; unset -v LANG; echo x > file"))

    assert out(run("pwd")) == f"{tmp_path}\n"
    assert out(run('ls file; echo "$A|${EMPTY-none}|${LANG-none}"')) == "file\na b||none\n"


def test_shells_are_independent(shell: Callable[[str], Shell]) -> None:
    """Two agents in one devbox do not see each other's directory."""
    first, second = shell("first"), shell("second")
    out(first("cd /tmp; export V=1"))
    out(second("cd /; export V=2"))

    assert (out(first('echo "$V:$PWD"')), out(second('echo "$V:$PWD"'))) == ("1:/tmp\n", "2:/\n")


def test_commands_of_a_shell_run_one_after_the_other(shell: Callable[[str], Shell]) -> None:
    """They are queued, in their order, and the queued ones say so."""
    run = shell("queue")
    commands = [run(f"read line || true; echo {n} >> order") for n in range(3)]
    blocked = run("until [ -e go ]; do sleep 0.05; done; cat order")
    waiting = run("echo never > late")
    status = waiting.get_state().status
    waiting.kill()
    out(shell("beside the queue")("touch go"))

    assert out(blocked) == "0\n1\n2\n"
    assert status == "queued"
    assert [c.result().exit_code for c in commands] == [0, 0, 0]
    assert waiting.result().exit_code == 143
    assert out(run("ls late 2>/dev/null; echo none")) == "none\n"


def test_exit_status_and_a_failing_command_keep_the_shell(shell: Callable[[str], Shell]) -> None:
    """What happened before the failure is kept, as in a terminal."""
    run = shell("fail")
    failed = run("cd /tmp; export B=1; exit 7").result()
    killed = run("export C=1; kill -9 $$").result()

    assert (failed.exit_code, killed.exit_code) == (7, 137)
    assert out(run('echo "$B$C:$PWD"')) == "1:/tmp\n"


def test_streams_and_stdin_work_in_a_shell(box: Devbox) -> None:
    """The command is the process itself, not text for a shell that goes on."""
    seen: list[str] = []
    execution = box.cmd.exec_async(
        "cat; echo err >&2",
        attach_stdin=True,
        stdout=seen.append,
        extra_body={"shell_name": "streams"},
    )
    execution.send_std_in("in\n")
    execution.close_std_in()
    result = execution.result()

    assert (result.stdout(), result.stderr(), "".join(seen)) == ("in\n", "err\n", "in\n")


def test_the_mark_is_the_executions_own(shell: Callable[[str], Shell]) -> None:
    """Strays are found by it, so a restored environment must not bring an older one."""
    run = shell("mark")
    executions = [run("echo $AXON_NOTEBOOK_EXECUTION") for _ in range(2)]

    for execution in executions:
        assert out(execution).strip().endswith(f"/{execution.execution_id}")


def test_logs_are_found_by_shell(box: Devbox, shell: Callable[[str], Shell]) -> None:
    """`rli devbox logs --shell` asks for one of them."""
    out(shell("logged")("echo here"))
    out(shell("other")("echo there"))
    lines = box.logs(extra_query={"shell_name": "logged"}).logs

    assert [line.message for line in lines if line.message] == ["here"]
