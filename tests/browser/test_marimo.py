"""The three widgets in a marimo app: live, once each, and gone with their cell or their visitor.

marimo has no kernel of Jupyter's: its own comms carry the messages, a cell runs again
when something that it names changes, and in ``marimo run`` each visitor has a thread.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from ..faults.rate_server import RateServer
from ..waiting import becomes
from .chat_page import Chat
from .log_view import LogView
from .marimo_app import MarimoApp, MarimoPage
from .viewer_page import Viewer

BEGIN = """\
import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import threading
    import marimo as mo
    import axon_notebook as an
    return an, mo, threading


@app.cell
def _(mo):
    again = mo.ui.button(label="again")
    ask = mo.ui.button(label="ask")
    mo.hstack([again, ask], justify="start")
    return again, ask


@app.cell
def _(ask, mo, threading):
    ask
    names = sorted(t.name for t in threading.enumerate() if t.name.startswith("axon-"))
    mo.md("threads: " + (", ".join(names) or "none") + ".")
    return
"""

VIEWER = """

@app.cell
def _(an):
    client = an.connect({url!r}, api_key="ak_test")
    axon = client.axon("axn_1")
    return (axon,)


@app.cell
def _(again, an, axon):
    again
    viewer = an.EventViewer(axon, height=420)
    viewer
    return (viewer,)


@app.cell
def _(ask, mo, viewer):
    ask
    shown = viewer.filtered()["sequence"].tolist()
    mo.md(f"filter: {{viewer.filter}}, lets through: {{shown}}.")
    return
"""

LOG_AND_CHAT = """

@app.cell
def _(an):
    client = an.connect()
    axon = client.create_axon("chat")
    mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp"}
    mount["agent_binary"] = "axon-notebook-demo-agent"
    box = client.create_devbox(mounts=[mount])
    session = an.AgentSession(axon)
    command = r"printf '\\033[32mgreen\\033[0m\\n'; read word; echo you said $word"
    execution = box.run(command, stdin=True)
    return box, execution, session


@app.cell
def _(again, an, execution):
    again
    log = an.ExecutionLog(execution, stdin=True, height=240)
    log
    return


@app.cell
def _(again, an, session):
    again
    chat = an.AgentChat(session, height=420)
    chat
    return
"""


def opened(browser: Browser, app: MarimoApp, height: int = 900) -> MarimoPage:
    return MarimoPage(browser.new_page(viewport={"width": 1280, "height": height}), app)


def says(page: MarimoPage, text: str) -> None:
    """Wait until the app prints *text* in answer to the button."""
    page.press("ask")
    expect(page.page.get_by_text(text)).to_be_visible()


def test_a_viewer_lives_in_a_marimo_app_and_goes_with_its_cell(
    browser: Browser, tmp_path: Path
) -> None:
    """No widget is told there that its cell ran again: the old ones would read on for ever."""
    with RateServer() as server:
        server.run(10**9, 300)
        with MarimoApp(tmp_path, BEGIN + VIEWER.format(url=server.base_url)) as app:
            page = opened(browser, app)
            viewer = Viewer(page)
            viewer.is_live()
            viewer.has(300)

            # What comes now is there, and the page's filter reaches Python.
            server.run(2000, 1000)
            viewer.has(1300)
            viewer.filter.fill("n1250n")
            expect(viewer.root.locator(".shown")).to_contain_text("1 of")
            becomes(viewer.rows, ["1250"])
            says(page, "filter: n1250n, lets through: [1250].")
            viewer.filter.fill("")
            page.screenshot("marimo-viewer")
            assert viewer.exported() == list(range(1, 1301))

            # The cell runs again, three times: one viewer, one stream, two threads.
            for _ in range(3):
                first = viewer.root.element_handle()
                page.press("again")
                page.page.wait_for_function("view => !view.isConnected", arg=first)
            viewer.has(1300)
            becomes(lambda: server.streams, 1)
            says(page, "threads: axon-feed axn_1, axon-reader axn_1.")
            assert page.page.locator(".axon[role=region]").count() == 1
            server.run(2000, 200)
            viewer.has(1500)
            assert viewer.exported() == list(range(1, 1501))
            assert page.errors() == []


def test_a_visitor_of_a_marimo_app_takes_the_viewer_along(browser: Browser, tmp_path: Path) -> None:
    """One process serves all visitors: a thread and a stream kept per visit would fill it up."""
    with RateServer() as server:
        server.run(10**9, 100)
        source = BEGIN + VIEWER.format(url=server.base_url)
        with MarimoApp(tmp_path, source, options=["--session-ttl", "1"]) as app:
            first = opened(browser, app)
            Viewer(first).has(100)
            second = opened(browser, app)
            Viewer(second).has(100)
            becomes(lambda: server.streams, 2)

            first.page.close()

            becomes(lambda: server.streams, 1)
            server.run(10**9, 50)
            Viewer(second).has(150)
            assert second.errors() == []


def test_log_and_chat_live_in_a_marimo_app(browser: Browser, tmp_path: Path) -> None:
    """Both ways: what is typed in the page reaches the command and the agent."""
    with MarimoApp(tmp_path, BEGIN + LOG_AND_CHAT) as app:
        page = opened(browser, app, height=1000)
        log, chat = LogView(page), Chat(page, 1)
        log.shows("green")
        chat.says("live")

        log.stdin.fill("hello")
        log.stdin.press("Enter")
        log.says("exit 0")
        turn = chat.send("count *.txt")
        chat.ends(turn)

        becomes(log.lines, ["green", "you said hello"])
        page.screenshot("marimo-log-and-chat")

        # Again: the finished command and the conversation come back, once.
        for _ in range(2):
            views = [view.root.element_handle() for view in (log, chat)]
            page.press("again")
            for view in views:
                page.page.wait_for_function("view => !view.isConnected", arg=view)
        log.says("exit 0")
        chat.says("live")
        expect(chat.turns).to_have_count(1)
        becomes(log.lines, ["green", "you said hello"])
        assert page.page.locator(".axon[role=region]").count() == 2
        chat.ends(chat.send("files"))
        assert page.errors() == []
