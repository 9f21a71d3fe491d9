"""One file to send: opened from disk, offline, under its own security policy."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

import axon_notebook as an
from axon_notebook.errors import ParameterError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonEvent

from ..waiting import wait_until
from ..widgets.comms import Comms
from ..widgets.hostile_chat import hostile_conversation
from ..widgets.hostile_texts import HOSTILE
from .notebook_page import OUT

#: A real run of the demo agent, whose turns its broker told.
RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"


AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
#: What only a page around it could have: a file is all of its page.
COMPLAINTS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'],
    rules: { 'page-has-heading-one': { enabled: false }, region: { enabled: false },
             'landmark-one-main': { enabled: false } } });
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
}"""
EVENT_FIELDS = ("timestamp_ms", "origin", "source", "event_type", "payload")
#: What shows that the content is there.
SOMETHING = {
    "viewer": ".list [role=row]",
    "chat": ".parts > *",
    "timeline": "canvas.spans",
    "log": ".pane",
}


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Comms:
    return Comms(monkeypatch)


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


class Opened:
    """A saved file in a page that has no network; what went wrong in it."""

    def __init__(self, browser: Browser, file: Path, *, dark: bool = False) -> None:
        context = browser.new_context(offline=True, color_scheme="dark" if dark else "light")
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def is_well(self, file: Path) -> None:
        """It asked for nothing but itself and complained of nothing."""
        assert self.requests == [file.as_uri()]
        assert self.complaints == []


def viewer_of(client: an.Client, payloads: list[str], **options) -> an.EventViewer:
    axon = client.create_axon("saved")
    axon.publish_many([("note" if n % 2 else "tool.call", p) for n, p in enumerate(payloads)])
    viewer = an.EventViewer(axon, **options)
    wait_until(lambda: viewer.stats()["received"] >= len(payloads))
    return viewer


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_saved_viewer_filters_without_a_kernel(
    comms: Comms, client: an.Client, browser: Browser, tmp_path: Path, dark: bool
) -> None:
    file = tmp_path / "run.html"
    with viewer_of(client, [json.dumps({"n": n}) for n in range(60)]) as viewer:
        assert viewer.save_html(file) == file
    opened = Opened(browser, file, dark=dark)
    page = opened.page

    expect(page.locator(".list [role=row]", has_text=re.compile(r"n\s*59$"))).to_be_visible()
    expect(page.get_by_text("Saved 20")).to_be_visible()
    expect(page.get_by_text("Run the cell")).to_have_count(0)
    page.screenshot(path=OUT / f"saved-viewer-{'dark' if dark else 'light'}.png")

    page.locator("input.filter").fill("type:note n=7")
    expect(page.locator(".shown")).to_contain_text("1 of")
    expect(page.locator(".list [role=row]", has_text=re.compile(r"n\s*59$"))).to_be_hidden()
    expect(page.locator(".list [role=row]", has_text=re.compile(r"n\s*7$"))).to_be_visible()
    opened.is_well(file)


def test_hostile_texts_stay_texts(
    comms: Comms, client: an.Client, browser: Browser, tmp_path: Path
) -> None:
    """Also those that would end the element that holds the state."""
    texts = [*HOSTILE, "</script><script>document.title='owned'</script>", "<!--<script>"]
    file = tmp_path / "run.html"
    with viewer_of(client, [json.dumps({"text": text}) for text in texts]) as viewer:
        viewer.title = "</title><script>document.title='owned'</script>"
        viewer.save_html(file)
    opened = Opened(browser, file)

    expect(opened.page.locator("[role=row]").first).to_be_visible()
    assert opened.page.title() == "</title><script>document.title='owned'</script>"
    assert opened.page.locator("script").count() == 3
    opened.is_well(file)


def test_what_may_not_be_saved_is_not_in_the_file(
    comms: Comms, client: an.Client, tmp_path: Path
) -> None:
    def redact(event: AxonEvent) -> AxonEvent | None:
        return msgspec.structs.replace(event, payload='{"n":"hidden"}')

    file = tmp_path / "run.html"
    with viewer_of(client, ['{"n":"s3cret"}'] * 3, redact=redact) as viewer:
        viewer.save_html(file)
    text = file.read_text("utf-8")
    packed = text.split('id="snapshot">')[1].split("<")[0]
    state = zlib.decompress(base64.b64decode(packed))

    assert b"hidden" in state
    assert b"s3cret" not in state
    with (
        viewer_of(client, ["{}"], snapshot=False) as viewer,
        pytest.raises(ParameterError, match="snapshot=False"),
    ):
        viewer.save_html(file)


def test_a_file_is_not_much_larger_than_its_events(
    comms: Comms, client: an.Client, tmp_path: Path
) -> None:
    file = tmp_path / "run.html"
    with viewer_of(client, [json.dumps({"n": n, "text": "word " * 20}) for n in range(500)]) as v:
        v.save_html(file)
        events = v.frame().to_csv()
    bundle = Path(an.__file__).parent / "static" / "event-viewer.js"
    compressed = len(gzip.compress(events.encode()))

    assert file.stat().st_size < bundle.stat().st_size + 1.6 * compressed + 8192


def test_a_saved_log_is_read_and_searched(
    comms: Comms, client: an.Client, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "log.html"
    devbox = client.create_devbox("saved")
    execution = devbox.run(
        "for i in $(seq 300); do echo line $i; done; printf '\\033[31mred\\033[0m'"
    )
    with an.ExecutionLog(execution) as log:
        execution.wait()
        wait_until(lambda: "line 300" in log.static_text())
        log.save_html(file)
    devbox.shutdown()
    opened = Opened(browser, file)

    expect(opened.page.locator(".counts")).to_contain_text("301 lines")
    expect(opened.page.locator(".pane").first).to_contain_text("line 300")
    expect(opened.page.get_by_text("Saved 20")).to_be_visible()
    opened.page.screenshot(path=OUT / "saved-log.png")
    opened.is_well(file)


def test_a_saved_chat_and_timeline_show_the_run(
    comms: Comms, client: an.Client, browser: Browser, tmp_path: Path
) -> None:
    """A colleague sees what the agent did, and has no box to write in."""
    axon = client.import_recording(RUN)
    chat_file, timeline_file = tmp_path / "chat.html", tmp_path / "timeline.html"
    with an.AgentChat(axon) as chat:
        wait_until(lambda: "published" in chat.static_text())
        chat.save_html(chat_file)
    with an.Timeline(axon) as timeline:
        wait_until(lambda: timeline.stats()["received"] >= 308)
        timeline.save_html(timeline_file)
    chat_page = Opened(browser, chat_file)
    expect(chat_page.page.get_by_text("files source").first).to_be_visible()
    expect(chat_page.page.locator("textarea")).to_be_hidden()
    chat_page.page.screenshot(path=OUT / "saved-chat.png")
    chat_page.is_well(chat_file)

    timeline_page = Opened(browser, timeline_file, dark=True)
    expect(timeline_page.page.locator("canvas").first).to_be_visible()
    expect(timeline_page.page.get_by_text("Saved 20").first).to_be_visible()
    timeline_page.page.screenshot(path=OUT / "saved-timeline.png")
    timeline_page.is_well(timeline_file)


@pytest.fixture
def hostile_files(comms: Comms, client: an.Client, tmp_path: Path) -> dict[str, Path]:
    """Viewer, chat, timeline and log of texts that try to become markup, in files."""
    events = hostile_conversation("".join(HOSTILE[:40]))
    lines = [
        {name: getattr(event, name) for name in EVENT_FIELDS} | {"sequence": number}
        for number, event in enumerate(events, 1)
    ]
    run = tmp_path / "hostile.jsonl"
    run.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    files = {name: tmp_path / f"{name}.html" for name in ("viewer", "chat", "timeline", "log")}
    with an.open_recording(run) as recording:
        with an.EventViewer(recording, timeline=True) as viewer:
            assert viewer.wait_for_history(60)
            viewer.save_html(files["viewer"])
        with an.Timeline(recording) as timeline:
            assert timeline.wait_for_history(60)
            timeline.save_html(files["timeline"])
        with an.AgentChat(recording) as chat:
            chat.save_html(files["chat"])
    output = "".join(f"{text}\n" for text in HOSTILE)
    with client.create_devbox("hostile", files={"output.txt": output}) as devbox:
        execution = devbox.run("cat output.txt; cat output.txt >&2; echo; echo THE END")
        with an.ExecutionLog(execution) as log:
            execution.wait()
            wait_until(lambda: "THE END" in log.static_text())
            log.save_html(files["log"])
    return files


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_hostile_texts_and_axe_in_every_saved_file(
    hostile_files: dict[str, Path], browser: Browser, dark: bool
) -> None:
    """Nothing runs, nothing is loaded, and everybody can use it."""
    for name, file in hostile_files.items():
        opened = Opened(browser, file, dark=dark)
        dialogs: list[str] = []
        opened.page.on("dialog", lambda dialog, into=dialogs: into.append(dialog.message))
        expect(opened.page.get_by_text("Saved 20").first).to_be_visible()
        expect(opened.page.locator(SOMETHING[name]).first).to_be_visible()
        opened.page.screenshot(path=OUT / f"saved-hostile-{name}-{'dark' if dark else 'light'}.png")
        opened.page.evaluate(AXE.read_text("utf-8"))

        assert (name, opened.page.evaluate(COMPLAINTS)) == (name, [])
        assert opened.page.locator("script").count() == 3
        assert dialogs == []
        opened.is_well(file)
