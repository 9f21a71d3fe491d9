"""Following the newest: the user's hand ends it and takes it up again, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, expect

from ..faults.rate_server import RateServer
from ..faults.scripted_server import ScriptedServer
from ..widgets.hostile_chat import hostile_conversation
from .log_view import SETUP, LogView
from .notebook_page import NotebookPage
from .test_chat import READ_ONLY
from .viewer_page import CONNECT, Viewer

LINES = """\
log = an.ExecutionLog(run("for i in $(seq 4000); do echo line $i; sleep 0.02; done"))
log"""
EVENTS = "viewer = an.EventViewer(axon)\nviewer"

# The middle of the scroll bar's thumb; its arrows are as high as it is wide.
THUMB = """e => {
  const bar = e.offsetWidth - e.clientWidth;
  const track = e.clientHeight - 2 * bar;
  const thumb = Math.max(17, (track * e.clientHeight) / e.scrollHeight);
  const part = e.scrollTop / (e.scrollHeight - e.clientHeight);
  return { bar, y: bar + part * (track - thumb) + thumb / 2 };
}"""
# Pixels between what is shown and the end.
DISTANCE = "e => e.scrollHeight - e.clientHeight - e.scrollTop"
# What the browser does when a scroll bar comes, or when what is shown becomes shorter.
MOVE = "async (e, top) => { e.scrollTop = top; await new Promise(requestAnimationFrame); }"


@contextmanager
def log_of_a_command(open_notebook) -> Iterator[tuple[NotebookPage, Locator, Locator]]:
    notebook = open_notebook([SETUP, LINES])
    notebook.run_all()
    log = LogView(notebook)
    yield notebook, log.pane, log.root.get_by_role("button", name="Follow", exact=True)
    notebook.execute("log.close(); box.shutdown()")


@contextmanager
def viewer_of_a_stream(open_notebook) -> Iterator[tuple[NotebookPage, Locator, Locator]]:
    with RateServer() as server:
        notebook = open_notebook([CONNECT.format(url=server.base_url), EVENTS])
        notebook.run_all()
        viewer = Viewer(notebook)
        viewer.is_live()
        server.run(50, 4000)
        yield notebook, viewer.list, viewer.root.get_by_role("button", name="Follow", exact=True)


@contextmanager
def chat_of_the_past(open_notebook) -> Iterator[tuple[NotebookPage, Locator, Locator]]:
    events = []
    for number in range(12):
        events += hostile_conversation(f"question {number} " * 20, len(events))
    with ScriptedServer(events) as server:
        notebook = open_notebook([CONNECT.format(url=server.base_url), READ_ONLY])
        notebook.run_all()
        root = notebook.page.locator(".axon[role=region]")
        yield (
            notebook,
            root.locator(".log[role=log]"),
            root.get_by_role("button", name="Follow", exact=True),
        )


WIDGETS = [log_of_a_command, viewer_of_a_stream, chat_of_the_past]


def drag_thumb(notebook: NotebookPage, scroller: Locator, follow: Locator, to_end: bool) -> None:
    """Press the scroll bar's thumb where it is and let go of it when it is at the end of the bar.

    The list grows meanwhile: as a person does, go on pulling until it is there.
    """
    scroller.scroll_into_view_if_needed()
    box = scroller.bounding_box()
    assert box is not None
    thumb = scroller.evaluate(THUMB)

    assert thumb["bar"] > 4, "a scroll bar to drag"

    x, y = box["x"] + box["width"] - thumb["bar"] / 2, box["y"] + thumb["y"]
    mouse = notebook.page.mouse
    mouse.move(x, y)
    mouse.down()
    for pull in range(0, 2000, 40):
        edge = box["height"] + 60 + pull if to_end else -60 - pull
        mouse.move(x, box["y"] + edge, steps=12)
        if to_end and follow.get_attribute("aria-pressed") == "true":
            break
        if not to_end and scroller.evaluate("e => e.scrollTop") < 1:
            break
        notebook.page.evaluate("() => new Promise(requestAnimationFrame)")
    mouse.up()


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_the_scroll_bar_ends_following_and_takes_it_up_again(open_notebook, widget):
    """Most people drag the bar to read what went by, and drag it back when they have."""
    with widget(open_notebook) as (notebook, scroller, follow):
        is_full(notebook, scroller)
        drag_thumb(notebook, scroller, follow, to_end=False)

        expect(follow).to_have_attribute("aria-pressed", "false")
        assert scroller.evaluate(DISTANCE) > 200

        drag_thumb(notebook, scroller, follow, to_end=True)

        expect(follow).to_have_attribute("aria-pressed", "true")
        expect_end(notebook, scroller)


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_what_the_browser_scrolls_by_itself_ends_nothing(open_notebook, widget):
    """A scroll bar that came for one frame moves the position; the newest row stays in view."""
    with widget(open_notebook) as (notebook, scroller, follow):
        is_full(notebook, scroller)
        end = scroller.evaluate("e => e.scrollTop")
        for moved in (end - 7, end / 2, 0):
            scroller.evaluate(MOVE, moved)
            expect_end(notebook, scroller)

        expect(follow).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_a_wheel_upwards_ends_following(open_notebook, widget):
    """The one movement everybody makes first."""
    with widget(open_notebook) as (notebook, scroller, follow):
        is_full(notebook, scroller)
        scroller.hover()
        notebook.page.mouse.wheel(0, -120)

        expect(follow).to_have_attribute("aria-pressed", "false")
        notebook.page.wait_for_function(
            f"scroller => ({DISTANCE})(scroller) > 20", arg=scroller.element_handle()
        )


def is_full(notebook: NotebookPage, scroller: Locator) -> None:
    """Wait until more is there than can be seen."""
    notebook.page.wait_for_function(
        "scroller => scroller.scrollTop > 400", arg=scroller.element_handle()
    )


def expect_end(notebook: NotebookPage, scroller: Locator) -> None:
    notebook.page.wait_for_function(
        f"scroller => ({DISTANCE})(scroller) < 30", arg=scroller.element_handle()
    )
