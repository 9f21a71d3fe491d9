"""`axon-notebook replay | html | export | trace`, on an axon of the embedded service."""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import msgspec
import pytest

import axon_notebook as an
from axon_notebook.command_line import main
from axon_notebook.exports.spans import spans
from axon_notebook.live_spans import LiveSpans
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonEvent

from .exports.test_otlp import Receiver
from .waiting import wait_until

RUN = Path(__file__).parents[1] / "notebooks" / "data" / "agent_run.jsonl.gz"

Command = Callable[..., int]


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


@pytest.fixture(scope="module")
def wrong(client: an.Client) -> an.Axon:
    return client.create_axon("shell-wrong")


@pytest.fixture
def command(service: ServiceAddress, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("RUNLOOP_API_KEY", "RUNLOOP_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: main([*map(str, words), "--home", str(service.home)])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


def test_a_recording_is_replayed(
    client: an.Client, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it, and the command ends with it."""
    axon = client.create_axon("shell-replay")
    done = command("replay", RUN, axon.id, "--speed", 10_000, "--max-idle", 1)

    assert done == 0
    assert capsys.readouterr().out == "308 events → shell-replay\n"
    with an.open_recording(RUN) as recording:
        columns = ["event_type", "payload", "origin"]
        assert axon.events(1000)[columns].equals(recording.events(1000)[columns])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("replay", RUN, "shell-wrong", "--speed", "0"), "speed 0.0 is not a number greater"),
        (("replay", f"{RUN}.none", "shell-wrong"), "cannot read"),
        (("html", "shell-nobody", "x.html"), "shell-nobody"),
        (("trace", "shell-wrong", "--otlp", "ftp://x"), "ftp://x"),
    ],
)
def test_what_is_wrong_is_one_line_on_stderr(
    wrong: an.Axon,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    words: tuple[object, ...],
    why: str,
) -> None:
    done = command(*words)
    said = capsys.readouterr()

    assert (done, said.out) == (1, "")
    assert said.err.startswith("axon-notebook: ")
    assert why in said.err


def test_a_recording_goes_into_one_file_without_a_service(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its turns and tool calls as bars."""
    done = command("html", RUN, tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text("utf-8")
    found = re.search(r'<script type="text/plain" id="snapshot">(.*?)</script>', text)
    assert found is not None
    state = msgspec.json.decode(zlib.decompress(base64.b64decode(found[1])))

    assert done == 0
    assert capsys.readouterr().out == f"308 events → {tmp_path / 'run.html'}\n"
    assert (len(state["events"]), len(state["spans"])) == (308, 31)


def test_all_events_go_into_one_file(
    client: an.Client, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than a saved notebook would hold."""
    axon = client.create_axon("shell-html")
    axon.publish_many([("note", {"n": n}) for n in range(1500)])
    done = command("html", axon.id, tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text("utf-8")
    found = re.search(r'<script type="text/plain" id="snapshot">(.*?)</script>', text)

    assert found is not None
    assert done == 0
    assert capsys.readouterr().out == f"1,500 events → {tmp_path / 'run.html'}\n"
    state = msgspec.json.decode(zlib.decompress(base64.b64decode(found[1])))
    assert [event["sequence"] for event in state["events"]] == list(range(1, 1501))


def test_a_set_is_exported(
    client: an.Client, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(2):
        client.create_axon(f"shell-set-{n}").publish("a", {})
    path = tmp_path / "runs"

    assert command("export", "shell-set-*", path, "--since", "1h") == 0
    assert capsys.readouterr().out == f"2 events of 2 axons → {path}\n"
    assert command("export", "shell-set-*", path, "--compact") == 0
    assert capsys.readouterr().out == f"0 events of 0 axons → {path}\n1 files → 1\n"
    with an.open_dataset(path) as data:
        assert set(data.axons.values()) == {"shell-set-0", "shell-set-1"}
    assert command("export", "shell-nobody-*", path) == 1
    assert "no axon matches 'shell-nobody-*'" in capsys.readouterr().err


def test_a_trace_goes_to_a_receiver(
    client: an.Client, command: Command, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was said goes along on request only."""
    axon = client.import_recording(RUN, "shell-trace")
    short = command("trace", axon.id, "--otlp", receiver.url)
    count, without = len(receiver.spans), b"".join(map(_packed, receiver.requests))
    full = command("trace", axon.id, "--otlp", receiver.url, "--content")

    assert (short, full) == (0, 0)
    assert capsys.readouterr().out == f"{count} spans sent, 0 rejected\n" * 2
    assert count > 20
    assert b"wednesday" not in without
    assert any(b"wednesday" in _packed(request) for request in receiver.requests)


def _packed(request: object) -> bytes:
    return request.SerializeToString()  # type: ignore[attr-defined,no-any-return]


def test_a_receiver_that_rejects_is_an_error(
    client: an.Client, command: Command, receiver: Receiver
) -> None:
    """For scripts."""
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp

    answer = otlp.ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    receiver.answer((200, answer.SerializeToString()))
    axon = client.import_recording(RUN, "shell-rejected")

    assert command("trace", axon.id, "--otlp", receiver.url) == 1


def test_spans_are_sent_as_they_end(
    client: an.Client, service: ServiceAddress, receiver: Receiver
) -> None:
    """Over a receiver that is away for a while, until Ctrl-C; redacted events stay here."""
    receiver.answer(*[(503, b"away")] * 4)
    axon = client.create_axon("shell-live")
    told: list[str] = []

    def hide(event: AxonEvent) -> AxonEvent | None:
        payload = event.payload.replace("wednesday", "SECRET")
        return msgspec.structs.replace(event, payload=payload)

    live = LiveSpans(
        axon,
        receiver.url,
        headers={"x-key": "k"},
        redact=hide,
        content=True,
        tell=told.append,
        retry_seconds=0.1,
    )
    with an.open_recording(RUN) as recording:
        expected = len(spans(recording.trace().entries, axon.id))
    running = Thread(target=_run, args=(live,))
    running.start()
    with an.open_recording(RUN) as recording, an.replay(recording, axon, 1000, max_idle=0.01) as r:
        r.wait(60)
    wait_until(lambda: live.sent.spans == expected)
    packed = b"".join(map(_packed, receiver.requests))

    assert "503" in told[0]
    assert "spans wait" in told[0]
    assert receiver.received[0]["headers"]["x-key"] == "k"
    assert len({span.span_id for span in receiver.spans}) == expected
    assert b"SECRET" in packed
    assert b"wednesday" not in packed
    axon.delete()
    running.join(60)
    assert not running.is_alive()


def _run(live: LiveSpans) -> None:
    with suppress(an.AxonError):  # the axon is deleted at the end
        live.run()


def test_the_live_command_ends_with_ctrl_c(
    client: an.Client, service: ServiceAddress, receiver: Receiver
) -> None:
    axon = client.import_recording(RUN, "shell-live-command")
    expected = len(spans(axon.trace().entries, axon.id))
    words = ["trace", axon.id, "--otlp", receiver.url, "--live", "--header", "api_key=k"]
    program = Path(sys.executable).with_name("axon-notebook")
    command = [str(program), *words, "--home", str(service.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: len(receiver.spans) >= expected or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)

    assert process.returncode == 0, error
    assert re.fullmatch(rb"\d+ spans sent, 0 rejected\n", out)
    assert b"stopped after event 308" in error
    assert receiver.received[0]["headers"]["api_key"] == "k"
