"""`axon-notebook doctor`: each common trouble is found, and comes with the way to remedy it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from axon_notebook.local.devboxes.namespaces import SWITCH, Namespaces
from axon_notebook.local.process import doctor
from axon_notebook.local.process.doctor import examine
from axon_notebook.local.process.findings import Finding
from axon_notebook.local.process.home import Home
from axon_notebook.local.process.launcher import ServiceAddress, ensure_service

from .test_cli import cli

KEY = "ak_canary_of_the_doctor"
AXONS = b'{"axons": [], "has_more": false, "total_count": 0}'

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that gives one answer to everything; return its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(
        status: int = 200,
        body: bytes = AXONS,
        *,
        headers: Mapping[str, str] | None = None,
        date: float | None = None,
    ) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return formatdate(time.time() if date is None else date, usegmt=True)

            def log_message(self, format: str, *args: object) -> None:
                """A test prints nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def remote(url: str, home: Path, key: str = KEY) -> dict[str, Finding]:
    """What the doctor finds with *key* and *url* set; the key is in none of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLOOP_API_KEY", key)
        patch.setenv("RUNLOOP_BASE_URL", url)
        findings = examine(home)
    assert key not in "\n".join(map(str, findings))
    by_subject: dict[str, Finding] = {}
    for finding in findings:  # what is wrong decides
        if finding.subject not in by_subject or not finding.fine:
            by_subject[finding.subject] = finding
    return by_subject


# -- the server and its key


def test_a_server_that_takes_the_key_is_well(serve: Serve, home: Path) -> None:
    """No alarm without a reason."""
    found = remote(serve(headers={"RateLimit-Remaining": "99", "RateLimit-Limit": "100"}), home)

    assert found["host"].what == "127.0.0.1 answers, and takes the key"
    assert found["limits"].what == "99 of 100 requests left"
    assert all(found[name].fine for name in ("host", "key", "base URL", "clock", "limits"))


def test_the_service_and_its_token_are_well(service: ServiceAddress) -> None:
    """What `axon-notebook env` prints for Runloop's tools must pass."""
    found = remote(service.base_url, service.home, service.token.reveal())

    assert found["host"].what == "127.0.0.1 answers, and takes the key"
    assert all(found[name].fine for name in ("host", "key", "clock"))


def test_a_rejected_key_is_told_from_a_host_that_is_away(
    service: ServiceAddress, home: Path
) -> None:
    """The two look alike in a traceback, and are fixed in different places."""
    found = remote(service.base_url, home)

    assert found["host"].fine
    assert found["key"].what == "127.0.0.1 rejected it (401)"
    assert "set RUNLOOP_API_KEY" in found["key"].remedy


@pytest.mark.parametrize(
    ("key", "says"), [('"ak_1"', "quotes"), ("ak_1 ak_2", "a space"), ("Bearer ak_1", "a space")]
)
def test_a_key_that_was_copied_badly_is_named(
    serve: Serve, home: Path, key: str, says: str
) -> None:
    """Shells, .env files and dashboards add quotes; the server would only say 401."""
    found = remote(serve(), home, key)

    assert found["key"].what == f"the key from RUNLOOP_API_KEY holds {says}"
    assert not found["key"].fine


@pytest.mark.parametrize(("hours", "says"), [(-2, "behind"), (2, "ahead of")])
def test_a_clock_that_is_wrong_is_seen(serve: Serve, home: Path, hours: int, says: str) -> None:
    """Every "two minutes ago" would be wrong, and nothing else would tell."""
    found = remote(serve(date=time.time() - hours * 3600), home)

    assert not found["clock"].fine
    assert says in found["clock"].what
    assert abs(int(found["clock"].what.split()[0]) - 7200) < 60


def test_a_rate_limit_says_how_long_to_wait(serve: Serve, home: Path) -> None:
    """A 429 is neither the key's fault nor the network's."""
    found = remote(serve(429, b"{}", headers={"Retry-After": "17"}), home)

    assert found["key"].fine
    assert found["host"].fine
    assert found["limits"].what == "too many requests (429)"
    assert "wait 17 s" in found["limits"].remedy


def test_an_empty_quota_is_seen_before_it_hurts(serve: Serve, home: Path) -> None:
    """The next request would be refused."""
    found = remote(serve(headers={"X-RateLimit-Remaining": "0"}), home)

    assert not found["limits"].fine


@pytest.mark.parametrize(
    ("status", "body", "headers", "subject", "says"),
    [
        (503, b"", {}, "host", "answers 503"),
        (200, b"<html>Sign in</html>", {}, "base URL", "has no axons: 200"),
        (404, b"{}", {}, "base URL", "has no axons: 404"),
        (302, b"", {"Location": "https://login.example/"}, "base URL", "to login.example"),
    ],
)
def test_an_answer_that_is_not_the_api_is_named(
    serve: Serve,
    home: Path,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    subject: str,
    says: str,
) -> None:
    """A login page of the hotel's network is a 200, too."""
    found = remote(serve(status, body, headers=headers), home)

    assert not found[subject].fine
    assert says in found[subject].what


def test_a_proxy_is_named_without_its_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the first suspect, and was set by somebody else long ago."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    found = remote("https://api.runloop.test", home)

    assert found["proxy"].what == "requests go through http://127.0.0.1:9"
    assert "HTTPS_PROXY" in found["host"].remedy
    assert "secret" not in "\n".join(map(str, found.values()))


def test_this_machine_is_asked_past_any_proxy(
    serve: Serve, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the client does: a proxy knows nothing of this loopback."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    found = remote(serve(), home)

    assert "proxy" not in found
    assert found["host"].fine


# -- this machine


def test_another_version_of_the_service_is_named(
    service: ServiceAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two environments share one home: the older package meets the newer's service."""
    for ours, remedy in (("0.0.1", "pip install -U"), ("9.0.0", "axon-notebook stop")):
        monkeypatch.setattr(doctor, "__version__", ours)
        (found,) = [f for f in examine(service.home) if f.subject == "service"]

        assert not found.fine
        assert f"this package is {ours}" in found.what
        assert remedy in found.remedy


def test_a_service_that_died_leaves_a_record_and_no_trouble(home: Path) -> None:
    """The next connect() starts it again; the last line of its log is shown."""
    ensure_service(home)
    record = Home(home).record()
    assert record is not None
    os.kill(record.pid, 9)
    while Home(home).is_served():
        time.sleep(0.01)
    (found,) = [f for f in examine(home) if f.subject == "service"]

    assert found.fine
    assert "exited without a message" in found.what


def test_a_full_disk_is_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing would fail, in the middle of a run."""
    used = shutil.disk_usage(home.parent)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: used._replace(free=50_000_000))
    (found,) = [f for f in examine(home) if f.subject == "disk"]

    assert not found.fine
    assert found.what == "50 MB free"
    assert "AXON_NOTEBOOK_HOME" in found.remedy


def test_widgets_that_were_not_built_are_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation without them shows an empty cell and says nothing."""
    monkeypatch.setattr(doctor, "PACKAGE", tmp_path)
    (found,) = [f for f in examine(home) if f.subject == "widgets"]

    assert not found.fine
    assert found.what.startswith("event-viewer.js, execution-log.js, agent-chat.js missing")


@pytest.mark.parametrize("how", ["missing", "older", "disabled", "fine"])
def test_the_labextension_is_looked_for_as_jupyterlab_does(
    how: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells in the wrong colours have three reasons, each fixed in another way."""
    data, config = tmp_path / "data", tmp_path / "config"
    place = data / "labextensions" / "axon-notebook"
    place.mkdir(parents=True)
    (config / "labconfig").mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(data))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(config))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    if how == "missing":
        monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [str(tmp_path)])
    version = "0.0.1" if how == "older" else doctor.__version__
    (place / "package.json").write_text(json.dumps({"version": version}))
    disabled = {"disabledExtensions": {"axon-notebook": how == "disabled"}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(disabled))
    (found,) = [f for f in examine(home) if f.subject == "labextension"]
    says = {"missing": "not in", "older": "version 0.0.1", "disabled": "switched off in"}

    assert found.fine == (how == "fine")
    assert says.get(how, str(place)) in found.what
    assert ("labextension enable" in found.remedy) == (how in ("disabled", "fine"))


def test_an_old_package_is_named_with_its_command(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Widgets of an old anywidget stay empty."""
    monkeypatch.setattr(doctor, "JUPYTER_PARTS", (("anywidget", "99.1"), ("no-such-thing", "1")))
    found = {f.subject: f for f in examine(home)}

    assert found["anywidget"].remedy == "pip install -U 'anywidget>=99.1'"
    assert found["no-such-thing"].fine, "not everybody has every front end"


# -- as a command


def test_doctor_finds_nothing_wrong_with_a_running_service(
    service: ServiceAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine where the tests run, the service side is well."""
    monkeypatch.delenv("RUNLOOP_API_KEY", raising=False)
    findings = {finding.subject: finding for finding in examine(service.home)}

    for subject in ("python", "key", "home", "loopback", "service", "anywidget", "ipywidgets"):
        assert findings[subject].fine, findings[subject]
    assert f"process {service.pid}" in findings["service"].what


def test_doctor_says_how_to_mend_an_open_home(home: Path) -> None:
    """Each trouble comes with its command, and the exit code tells."""
    ensure_service(home)
    home.chmod(0o755)
    done = cli("doctor", home=home)

    assert done.returncode == 1
    assert f"BAD  home         {home}, mode 755" in done.stdout
    assert f"→ chmod 700 {home}" in done.stdout


def test_doctor_names_a_host_that_cannot_be_reached(home: Path) -> None:
    """A closed port here; the key itself is not shown and not sent."""
    done = cli(
        "doctor",
        home=home,
        RUNLOOP_API_KEY="ak_canary",
        RUNLOOP_BASE_URL="http://127.0.0.1:9",
    )

    assert done.returncode == 1
    assert "from RUNLOOP_API_KEY" in done.stdout
    assert "BAD  host" in done.stdout
    assert "ak_canary" not in done.stdout + done.stderr


def test_doctor_explains_settings_that_cannot_work(home: Path) -> None:
    """A base URL without a key."""
    done = cli("doctor", home=home, RUNLOOP_BASE_URL="https://api.runloop.ai")

    assert done.returncode == 1
    assert "BAD  settings" in done.stdout


def test_doctor_asks_the_host_and_looks_at_its_clock(service: ServiceAddress, home: Path) -> None:
    """Any HTTP answer shows that the way is open; the service stands in for Runloop."""
    done = cli("doctor", home=home, RUNLOOP_API_KEY="any", RUNLOOP_BASE_URL=service.base_url)

    assert "ok   host" in done.stdout
    assert "ok   clock" in done.stdout


def test_doctor_sees_a_service_that_does_not_answer(home: Path) -> None:
    """Stuck is worse than stopped, and looks the same from afar."""
    address = ensure_service(home)
    os.kill(address.pid, signal.SIGSTOP)
    try:
        (stuck,) = [f for f in examine(home) if f.subject == "service"]
    finally:
        os.kill(address.pid, signal.SIGCONT)

    assert not stuck.fine
    assert f"process {address.pid} holds the home" in stuck.what


@pytest.mark.parametrize("switch", ["on", "off"])
def test_what_home_user_is_inside_commands_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    """The namespace where the kernel permits it, else the mapping alone, with the reason."""
    monkeypatch.setenv(SWITCH, switch)
    reason = Namespaces(Home(tmp_path).devboxes).check()
    [told] = [finding.what for finding in examine(tmp_path) if finding.subject == "devboxes"]

    if switch == "off":
        assert told == f"/home/user is mapped in paths, not inside commands: {reason}"
        assert SWITCH in told
    else:
        assert ("in commands too" in told) == (reason is None)
