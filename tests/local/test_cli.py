"""`axon-notebook serve | status | stop | env | doctor`, as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from axon_notebook.local.process.launcher import ServiceAddress, ensure_service, find_service


def cli(*arguments: str, home: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, without the tester's own settings."""
    names = ("RUNLOOP_API_KEY", "RUNLOOP_BASE_URL", "AXON_NOTEBOOK_HOME")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-m", "axon_notebook.local.cli", *arguments]
    if home is not None:
        command += ["--home", str(home)]
    return subprocess.run(
        command, env={**clean, **env}, capture_output=True, text=True, timeout=300, check=False
    )


def test_help_starts_with_examples() -> None:
    """Nobody reads past the first lines."""
    shown = cli("--help").stdout

    assert shown.startswith("examples:")
    for command in ("serve", "status", "stop", "env", "doctor"):
        assert f"axon-notebook {command}" in shown.partition("commands:")[0]


def test_no_command_is_wrong_usage() -> None:
    """2, as everywhere."""
    assert cli().returncode == 2


def test_env_prints_two_lines_that_a_shell_understands(home: Path) -> None:
    """`eval "$(axon-notebook env)"` is all that Runloop's tools need."""
    done = cli("env", home=home)
    script = 'eval "$1"; echo "$RUNLOOP_BASE_URL"; echo "$RUNLOOP_API_KEY"'
    shell = subprocess.check_output(["sh", "-c", script, "sh", done.stdout], text=True)
    found = find_service(home)

    assert done.returncode == 0
    assert [line.partition("=")[0] for line in done.stdout.splitlines()] == [
        "export RUNLOOP_BASE_URL",
        "export RUNLOOP_API_KEY",
    ]
    assert found is not None
    assert shell.splitlines() == [found.base_url, found.token.reveal()]


def test_env_takes_the_home_from_the_environment(home: Path) -> None:
    """AXON_NOTEBOOK_HOME is the same choice as --home."""
    done = cli("env", AXON_NOTEBOOK_HOME=str(home))
    found = find_service(home)

    assert found is not None
    assert found.base_url in done.stdout


def test_status_of_nothing_is_three(home: Path) -> None:
    """Scripts tell it from an error."""
    done = cli("status", home=home)

    assert done.returncode == 3
    assert done.stdout.startswith(f"no service is running for {home}")
    assert json.loads(cli("status", "--json", home=home).stdout) == {
        "running": False,
        "home": str(home),
    }


def test_status_tells_where_and_who(service: ServiceAddress) -> None:
    """For people, without the token."""
    done = cli("status", home=service.home)

    assert done.returncode == 0
    assert service.base_url in done.stdout
    assert f"process {service.pid}" in done.stdout
    assert service.token.reveal() not in done.stdout


def test_status_as_json_tells_the_same(service: ServiceAddress) -> None:
    """For programs."""
    told = json.loads(cli("status", "--json", home=service.home).stdout)

    assert told["running"] is True
    assert (told["base_url"], told["pid"]) == (service.base_url, service.pid)
    assert told.keys() >= {"version", "axons", "streams", "busy", "started_at_ms"}


def test_stop_ends_the_service_and_then_finds_none(home: Path) -> None:
    """0 when there was one, 3 when there was not."""
    ensure_service(home)

    assert cli("stop", home=home).returncode == 0
    assert find_service(home) is None
    assert cli("stop", home=home).returncode == 3


def test_serve_runs_until_ctrl_c(home: Path) -> None:
    """In the foreground, for those who like to see it."""
    command = [sys.executable, "-m", "axon_notebook.local.cli", "serve", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        first = served.stdout.readline()  # type: ignore[union-attr]
        found = find_service(home)
        served.send_signal(signal.SIGINT)
        code = served.wait(20)

    assert found is not None
    assert first == f"serving {home} at {found.base_url}\n"
    assert code == 0
    assert find_service(home) is None


def test_serving_a_served_home_names_who_serves_it(home: Path) -> None:
    """Two services on one home would corrupt each other's view."""
    address = ensure_service(home)
    done = cli("serve", home=home)

    assert done.returncode == 1
    assert f"already served by process {address.pid}" in done.stderr
    assert "axon-notebook stop" in done.stderr


def test_an_unusable_home_is_one_line_on_stderr(tmp_path: Path) -> None:
    """No traceback for a wrong path."""
    (tmp_path / "file").write_text("")
    done = cli("env", home=tmp_path / "file" / "home")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("axon-notebook: cannot use")
    assert "Traceback" not in done.stderr


def test_the_command_is_installed() -> None:
    """The entry point of the wheel has the service's commands and those of a client."""
    from importlib.metadata import entry_points

    from axon_notebook import command_line

    (point,) = entry_points(group="console_scripts", name="axon-notebook")
    assert point.load() is command_line.main


def test_an_axon_is_saved_and_imported(home: Path, tmp_path: Path) -> None:
    """From one home to another, with nothing but the command line."""
    from axon_notebook import command_line, connect

    with connect(home=home) as client:
        client.create_axon("run").publish("hello")
    file = str(tmp_path / "run.jsonl.gz")
    saved = command_line.main(["save", "run", file, "--home", str(home)])
    imported = command_line.main(["import", file, "--name", "copy", "--home", str(home)])
    missing = command_line.main(["import", f"{file}x", "--home", str(home)])
    with connect(home=home) as client:
        types = client.axon("copy").events()["event_type"].tolist()

    assert (saved, imported, missing) == (0, 0, 1)
    assert types == ["hello"]
