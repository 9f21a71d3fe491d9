"""The log's Python side, against the real service: what it keeps, tells, saves and leaves."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psutil
import pytest

import axon_notebook as an
from axon_notebook.devbox import Devbox
from axon_notebook.errors import ParameterError
from axon_notebook.local.process.launcher import ServiceAddress, ensure_service
from axon_notebook.widgets.execution_log import LINE_CHARS, PRE, SAVED_BYTES, SAVED_LINES

from ..waiting import wait_until
from .comms import Comms
from .hostile_texts import HOSTILE
from .log_page import LogPage

CONTROLS = (
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1bP1\x1b\\",
    "\x9b5m",
    "\x1b]8",
)
CONTROL_CHARACTERS = {chr(c) for c in (*range(10), *range(11, 32), *range(127, 160))}
STYLES = {"style=font-family: system-ui, sans-serif;", f"style={PRE}"}


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Comms:
    return Comms(monkeypatch)


@pytest.fixture(scope="module")
def box(service: ServiceAddress) -> Iterator[Devbox]:
    with an.connect(home=service.home) as client, client.create_devbox("logs") as box:
        yield box


def ended(log: an.ExecutionLog) -> an.ExecutionLog:
    def over() -> bool:
        stats = log.stats()
        return stats["status"] == "completed" or stats["state"]["name"] == "failed"

    wait_until(over)
    return log


def press(log: an.ExecutionLog, name: str, value: str = "") -> None:
    """Do what a button of the page does."""
    content = {"kind": "cmd", "page": "p", "name": name, "value": value}
    log._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def page_of(comms: Comms, log: an.ExecutionLog) -> LogPage:
    page = LogPage()
    page.take_all(comms.sent(log.model_id, "log", "logstat"))
    return page


def own_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("axon-")]


# -- what it shows


def test_the_output_is_in_python_and_in_the_page(comms: Comms, box: Devbox) -> None:
    """What is seen can be worked with: no copying out of a widget."""
    with an.ExecutionLog(box.run("echo out; sleep 0.1; echo err >&2; exit 3")) as log:
        ended(log)

        assert log.text("stdout") == "out\n"
        assert log.text("stderr") == "err\n"
        assert log.text() == "out\nerr\n"
        assert (
            repr(log) == "<ExecutionLog 'echo out; sleep 0.1; echo err >&2; exit 3' exit status 3>"
        )
        stats = log.stats()
        assert (stats["stdout_bytes"], stats["lost"], stats["exit_status"]) == (4, 0, 3)
        comms.wait(lambda: page_of(comms, log).in_order() == "out\nerr\n")

    with pytest.raises(ParameterError, match="none of"):
        log.text("stdin")
    with pytest.raises(ParameterError, match="at least 1"):
        an.ExecutionLog(box.run("true"), max_bytes=0)


def test_both_streams_are_shown_in_the_order_of_their_writing(comms: Comms, box: Devbox) -> None:
    """A late log, too: each stream comes over its own connection, as fast as it likes."""
    command = "for i in 1 2 3 4; do echo o$i; read x; echo e$i >&2; read x; done"
    execution = box.run(command, stdin=True)
    for _ in execution.output():
        execution.send_stdin("\n")
    expected = "".join(f"o{i}\ne{i}\n" for i in range(1, 5))

    with an.ExecutionLog(execution) as log:
        ended(log)
        comms.wait(lambda: page_of(comms, log).in_order() == expected)

        assert log.text() == expected


def test_a_command_tells_how_long_it_ran_if_that_was_seen(comms: Comms, box: Devbox) -> None:
    """The duration of a build is half of what a log is opened for."""
    with ended(an.ExecutionLog(box.run("sleep 1.2"))) as log:
        stats = log.stats()

    assert stats["ended_ms"] - stats["started_ms"] >= 1200


def test_a_command_that_ended_long_ago_is_shown_whole_and_claims_no_duration(
    comms: Comms, box: Devbox
) -> None:
    """Nobody knows when it ended; "exit 0 after 14 hours" would be an invention."""
    execution = box.run("echo once")
    execution.wait(timeout=300)
    time.sleep(1.1)
    with ended(an.ExecutionLog(box.execution(execution.id))) as log:
        stats = log.stats()

        assert log.text() == "once\n"
        assert log.title == execution.id
        assert (stats["status"], stats["ended_ms"]) == ("completed", None)


@pytest.mark.parametrize("known", [False, True])
def test_an_execution_that_is_gone_fails_with_the_reason(
    comms: Comms, box: Devbox, known: bool
) -> None:
    """The cell has run: the log itself must say why it stays empty."""
    gone = str(uuid.uuid4())
    devbox = box if known else Devbox(box._api, box.info().__class__(id="dbx_gone", status="?"))
    with ended(an.ExecutionLog(devbox.execution(gone))) as log:
        state = log.stats()["state"]

        assert state["name"] == "failed"
        assert "404" in state["reason"] or "not found" in state["reason"].lower()
        assert log.stats()["ended_ms"] is None
        comms.wait(lambda: page_of(comms, log).stat["state"]["name"] == "failed")


# -- what the page asks for


def test_the_buttons_of_the_page_reach_the_command(comms: Comms, box: Devbox) -> None:
    """A prompt is answered and an input ended where the question is seen."""
    execution = box.run("read name; echo hello $name; cat; echo end", stdin=True)
    with an.ExecutionLog(execution, stdin=True) as log:
        press(log, "stdin", "Ada\n")
        wait_until(lambda: log.text() == "hello Ada\n")
        press(log, "stdin_eof")

        assert ended(log).text() == "hello Ada\nend\n"
        assert log.stats()["note"] == ""


def test_stop_ends_the_command_with_all_it_started(comms: Comms, box: Devbox) -> None:
    """A build that goes on in the background after "Stop" is worse than no button."""
    with an.ExecutionLog(box.run("sleep 300 & echo $!; wait")) as log:
        wait_until(lambda: log.text() != "")
        press(log, "kill")
        child = int(log.text())
        ended(log)

        assert log.stats()["exit_status"] in (137, 143, -9, -15)
        wait_until(lambda: not psutil.pid_exists(child) or not psutil.Process(child).is_running())


def test_a_button_that_fails_says_why_beside_the_output(comms: Comms, box: Devbox) -> None:
    """What the user did not print must not stand in the output, and must not be swallowed."""
    with ended(an.ExecutionLog(box.run("echo over"))) as log:
        press(log, "stdin", "too late\n")

        assert "attach_stdin" in log.stats()["note"]
        assert log.text() == "over\n"
        comms.wait(lambda: "attach_stdin" in page_of(comms, log).stat["note"])

        press(log, "retry")

        assert log.stats()["note"] == ""


def test_a_page_closes_the_log_and_the_command_goes_on(comms: Comms, box: Devbox) -> None:
    """Looking away is no reason to end a build."""
    execution = box.run("read x; echo got $x", stdin=True)
    log = an.ExecutionLog(execution)
    press(log, "close")
    log.close()

    assert execution.status().status == "running"
    execution.send_stdin("it\n")
    assert execution.wait(timeout=300).stdout == "got it\n"


def test_what_a_page_lost_comes_again_when_it_asks(comms: Comms, box: Devbox) -> None:
    """The notebook server drops messages without a word."""
    with ended(an.ExecutionLog(box.run("seq 100; seq 100 >&2"))) as log:
        late = LogPage()
        comms.wait(lambda: page_of(comms, log).stat.get("stderr_sent") == 292)
        late.take((log.stats(), b""))
        known = len(comms.messages)
        for stream in ("stdout", "stderr"):
            question = {"kind": "need", "page": "p", "epoch": log._feed.epoch, "stream": stream}
            log._feed.take({**question, "ranges": late.holes(stream)})
        seq = "".join(f"{n}\n" for n in range(1, 101))

        def recovered() -> bool:
            late.take_all(
                comms.sent(log.model_id, "log")[-4:] if len(comms.messages) > known else []
            )
            return late.text("stdout") == seq and late.text("stderr") == seq

        comms.wait(recovered)


def test_output_stays_exact_over_a_service_that_dies_in_the_middle(
    comms: Comms, home: Path
) -> None:
    """Nobody should have to wonder whether a line is missing."""
    address = ensure_service(home)
    with an.connect(home=home) as client:
        box = client.create_devbox("cut")
        execution = box.run(
            "for i in $(seq 300); do echo line $i; sleep 0.01; done; read x", stdin=True
        )
        with an.ExecutionLog(execution) as log:
            wait_until(lambda: log.text().count("\n") >= 100)
            os.kill(address.pid, signal.SIGKILL)
            wait_until(lambda: log.stats()["state"]["name"] in ("reconnecting", "connecting"))
            ensure_service(home)
            press(log, "retry")
            ended(log)
            whole = box.execution(execution.id)
            printed = "".join(chunk.text for chunk in whole.output("stdout"))

            assert log.text("stdout") == printed
            assert printed.startswith("line 1\nline 2\n")
            comms.wait(lambda: page_of(comms, log).text("stdout") == printed)


# -- what it leaves behind


def test_nothing_is_left_of_fifty_logs(comms: Comms, box: Devbox) -> None:
    """People run cells again all day."""
    with ended(an.ExecutionLog(box.run("echo warm"))):
        pass
    sockets = len(psutil.Process().net_connections("tcp"))
    threads = own_threads()
    execution = box.run("echo here; read x", stdin=True)
    for n in range(50):
        log = an.ExecutionLog(execution)
        if n % 5 == 0:
            wait_until(lambda log=log: log.text() == "here\n")  # type: ignore[misc]
        log.close()
        log.close()
    execution.kill()
    gc.collect()

    assert own_threads() == threads
    assert comms.open == set()
    assert len(psutil.Process().net_connections("tcp")) <= sockets


def test_many_logs_at_once_are_all_whole_and_all_go(comms: Comms, box: Devbox) -> None:
    """A sweep of fifteen experiments, each watched in a cell of its own."""
    before = own_threads()
    logs = [
        an.ExecutionLog(box.run(f"for i in $(seq 50); do echo {n} $i; done")) for n in range(15)
    ]
    for n, log in enumerate(logs):
        assert ended(log).text() == "".join(f"{n} {i}\n" for i in range(1, 51))
        log.close()

    assert own_threads() == before
    assert comms.open == set()


# -- what is saved


def saved_state(log: an.ExecutionLog) -> str:
    names = [name for name in log.keys if name not in ("layout", "_esm", "_css")]
    state = {name: getattr(log, name) for name in names}
    packed = state.pop("_snapshot")
    return json.dumps(state, default=str) + (zlib.decompress(packed).decode() if packed else "")


def test_the_output_is_saved_with_the_last_display_and_not_before(
    comms: Comms, box: Devbox
) -> None:
    """A widget's state lands in every copy of the notebook file."""
    log = ended(an.ExecutionLog(box.run("echo -n sec; echo ret; seq 20")))

    assert "secret" not in saved_state(log).replace("echo -n sec; echo ret", "")

    log.close()

    assert json.loads(zlib.decompress(log._snapshot))["pieces"][0]["text"].startswith("secret\n")
    assert "secret" in log.static_html()
    assert log.static_text().endswith("\n18\n19\n20")


def test_without_a_snapshot_no_output_is_saved(comms: Comms, box: Devbox) -> None:
    """Output may hold what must not be mailed around."""
    log = ended(an.ExecutionLog(box.run("echo -n sec; echo ret"), snapshot=False))
    log.close()

    assert "secret" not in saved_state(log) + log.static_html() + log.static_text()
    assert "exit status 0" in log.static_html()
    assert log.text() == "secret\n"


class Elements(HTMLParser):
    """What a browser makes of a text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: set[str] = set()
        self.others: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag} | {f"{name}={value}" for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def test_the_static_html_of_hostile_output_is_text(
    comms: Comms, box: Devbox, tmp_path: Path
) -> None:
    """It is shown where nothing is sanitised: a tag that comes through owns the kernel."""
    short = [text for text in HOSTILE if len(text) < 300]
    source = tmp_path / "hostile"
    source.write_text("\n".join([*(f"{c}{text}" for c in CONTROLS for text in short), *short]))
    found: set[str] = set()
    with ended(an.ExecutionLog(box.run(f"cat {source}; cat {source} >&2"))) as log:
        for title in ("t", *short):
            log.title = title
            page = Elements(log.static_html())
            found |= page.found

            assert page.others == []
            assert not set(page.text) & CONTROL_CHARACTERS

    assert found == {"div", "b", "pre", *STYLES}
    assert "<script>" in page.text


def test_the_static_html_is_small(comms: Comms, box: Devbox) -> None:
    """A notebook is mailed around and kept in git."""
    command = "yes '<&>' | head -c 3000000 | tr -d '\\n'; yes long | head -c 3000000"
    with ended(an.ExecutionLog(box.run(command))) as log:
        html = log.static_html()
        log.close()

        assert len(html) < SAVED_BYTES * 5 + 1000
        assert html.count("\n") < SAVED_LINES
        assert max(map(len, Elements(html).text.split("\n"))) <= LINE_CHARS + 100
        assert len(log._snapshot) < SAVED_BYTES


def test_overwritten_lines_are_saved_as_they_looked_at_the_end(comms: Comms, box: Devbox) -> None:
    """Of a progress bar nobody wants the hundred states that it had before."""
    command = r"printf ' 1%%\r50%%\r100%%\n\033[1;32mdone\033[0m\r\n'"
    with ended(an.ExecutionLog(box.run(command))) as log:
        body: Any = Elements(log.static_html()).text

        assert body.endswith("100%\ndone")
