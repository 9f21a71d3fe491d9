"""`axon-notebook replay | html | export | trace`, on an axon of the embedded service."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import axon_notebook as an
from axon_notebook.command_line import main
from axon_notebook.local.process.launcher import ServiceAddress

from .exports.test_otlp import Receiver

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
    receiver.answers.append((200, answer.SerializeToString()))
    axon = client.import_recording(RUN, "shell-rejected")

    assert command("trace", axon.id, "--otlp", receiver.url) == 1
