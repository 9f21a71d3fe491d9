"""The time bar: in a file that is opened from disk, and in JupyterLab with a chat that follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

import axon_notebook as an

from ..widgets.comms import Comms
from . import chromium
from .conftest import OpenNotebook
from .notebook_page import OUT
from .test_saved_file import AXE, COMPLAINTS, Opened

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
BEGIN = """\
import axon_notebook as an
client = an.connect(home="{home}")
axon = client.import_recording("{run}", "nightly")"""
SHOW = "viewer = an.EventViewer(axon, timeline=True, height=420)\nviewer"
CHAT = "chat = an.AgentChat(axon, height=320)\nchat"


@pytest.fixture
def browser(chromium_path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=chromium.FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A viewer of the recorded run, in a file."""
    Comms(monkeypatch)
    with an.open_recording(RUN) as recording, an.EventViewer(recording, timeline=True) as viewer:
        assert viewer.wait_for_history(60)
        return viewer.save_html(tmp_path / "run.html")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("light", 420)])
def test_a_saved_file_goes_to_any_moment_by_keys(
    saved: Path, browser: Browser, scheme: str, width: int
) -> None:
    """Rows, counts and timeline are as of then; axe finds nothing to complain about."""
    opened = Opened(browser, saved, dark=scheme == "dark")
    page, keyboard = opened.page, opened.page.keyboard
    page.set_viewport_size({"width": width, "height": 640})
    slider = page.get_by_role("slider", name="Moment that is shown, by events")
    row = page.locator(".list .row:visible .seq")
    expect(row.get_by_text("308", exact=True)).to_be_visible()

    slider.focus()
    keyboard.press("Home")
    expect(page.get_by_text("No event yet at this moment.")).to_be_visible()
    keyboard.press("ArrowRight")
    expect(page.locator(".counts b")).to_have_text("1 of 308 events")
    page.get_by_label("Go to a sequence").fill("120")
    keyboard.press("Enter")
    expect(page.locator(".counts b")).to_have_text("120 of 308 events")
    expect(page.locator(".span-facts")).to_have_text("6 turns, 6 tool calls")
    expect(row.get_by_text("120", exact=True)).to_be_visible()
    expect(row.get_by_text("121", exact=True)).to_be_hidden()
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(r"^120 of 308 events, \d\d:09:54\.158$")
    )
    page.evaluate(AXE.read_text("utf-8"))
    assert page.evaluate(COMPLAINTS) == []
    page.screenshot(path=OUT / f"time-bar-{scheme}-{width}.png")

    slider.focus()
    with an.open_recording(RUN) as recording:
        turns = sorted(recording.trace().turns["first_sequence"])
    keyboard.press("]")
    expect(page.locator(".counts b")).to_have_text(f"{turns[6]} of 308 events")
    keyboard.press("[")
    keyboard.press("[")
    expect(page.locator(".counts b")).to_have_text(f"{turns[4]} of 308 events")
    keyboard.press("Escape")
    expect(page.locator(".counts b")).to_have_text("308 events")
    assert page.evaluate(COMPLAINTS) == []
    opened.is_well(saved)


def test_a_saved_file_plays_to_its_end(saved: Path, browser: Browser) -> None:
    """From where one is, at the speed that was chosen."""
    opened = Opened(browser, saved)
    page = opened.page
    page.get_by_label("Go to a sequence").fill("290")
    page.keyboard.press("Enter")
    page.get_by_label("Speed of playing").select_option("100")
    page.get_by_role("button", name="Play from here").click()

    expect(page.locator(".counts b")).to_have_text("308 events", timeout=60_000)
    expect(page.get_by_role("button", name="End", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_label("Go to a sequence").fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Go to a sequence")).to_have_attribute("aria-invalid", "true")
    opened.is_well(saved)


def test_python_and_the_chat_follow_the_moment(home: Path, open_notebook: OpenNotebook) -> None:
    """`viewer.at` is the moment's name, and a chat of the same axon shows the same moment."""
    begin = BEGIN.format(home=home, run=RUN)
    notebook = open_notebook([begin, SHOW, CHAT], size=(1180, 1300))
    notebook.run_all()
    page = notebook.page
    counts = page.locator(".axon .counts b")
    expect(counts).to_have_text("308 events", timeout=60_000)
    line = page.locator(".axon .state-line", has_text="As of event")
    expect(page.get_by_text("15 turns", exact=True)).to_be_visible(timeout=60_000)

    notebook.execute("viewer.at = 120")
    expect(counts).to_have_text("120 of 308 events")
    expect(line).to_have_text("As of event 120.Back to live")
    expect(page.locator(".axon textarea")).to_be_hidden()
    notebook.screenshot("time-bar-and-chat")
    assert notebook.execute("print(viewer.filtered()['sequence'].max())").strip() == "120"

    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(line).to_have_text("As of event 121.Back to live")
    page.keyboard.press("Escape")
    expect(line).to_be_hidden()
    expect(counts).to_have_text("308 events")
