"""What becomes of the viewer when its service, page, kernel or cell goes, and comes again."""

from __future__ import annotations

import os
import re
import signal
import time

from playwright.sync_api import expect

from axon_notebook.local.process.launcher import find_service, stop_service
from axon_notebook.widgets.feed import MOST_BYTES

from ..faults.rate_server import RateServer
from ..waiting import becomes
from .viewer_page import CONNECT, Viewer

LONG = bool(os.environ.get("AXON_LONG"))
RUNS = 100 if LONG else 20
CLOSED_SECONDS = 60 if LONG else 5
#: More than the bound: some 120 MB, or 40 MB against a bound that is a quarter as large.
EVENTS = 300_000 if LONG else 100_000
BOUND = MOST_BYTES if LONG else MOST_BYTES // 4

OWN = """\
import axon_notebook as an
client = an.connect()
axon = client.create_axon("lives")
for n in range(5):
    axon.publish("step", {"n": n})
"""


def publish(notebook, count: int) -> None:
    notebook.execute(f"for n in range({count}): axon.publish('more', {{'n': n}})")


def test_the_view_outlives_the_service_the_page_and_says_when_the_kernel_went(
    open_notebook, jupyter
):
    """A stream that runs for days meets all of these; each has to end in the right state."""
    notebook = open_notebook([OWN, "viewer = an.EventViewer(axon, height=300)\nviewer", "viewer"])
    notebook.run_all()
    first, second = Viewer(notebook), Viewer(notebook, 1)
    first.has(5)
    second.has(5)

    # The service is killed, and comes back with the next publish.
    os.kill(find_service(jupyter.axon_home).pid, signal.SIGKILL)
    expect(first.word).to_have_text("reconnecting")
    expect(first.root.locator(".state-line")).to_contain_text("next attempt in")
    notebook.screenshot("viewer-reconnecting")
    publish(notebook, 3)
    first.is_live()
    first.has(8)
    second.has(8)
    expect(first.list.locator(".divider", has_text="reconnected").first).to_be_visible()

    # It is stopped in good order.
    assert stop_service(jupyter.axon_home)
    expect(first.word).to_have_text("reconnecting")
    first.root.get_by_role("button", name="retry now").click()
    publish(notebook, 2)
    first.is_live()
    first.has(10)
    assert first.exported() == second.exported() == list(range(1, 11))

    # The page is loaded anew, while the kernel goes on.
    notebook.save()
    notebook.reload()
    first, second = Viewer(notebook), Viewer(notebook, 1)
    first.has(10)
    publish(notebook, 1)
    first.has(11)
    second.has(11)
    assert first.exported() == list(range(1, 12))

    # The kernel is restarted: what is there stays, and nothing claims to be live.
    notebook.restart()
    expect(first.word).to_have_text(re.compile("kernel gone|no kernel|closed"))
    assert first.exported() == list(range(1, 12))
    notebook.screenshot("viewer-kernel-gone")
    notebook.execute(OWN.replace('create_axon("lives")', 'axon("lives")').split("for n")[0])
    notebook.run_cell(1)
    again = Viewer(notebook)
    again.is_live()
    again.has(11)


def test_running_the_cell_again_and_again_leaves_one_viewer(open_notebook):
    """People press Shift+Enter without end; the kernel must not carry the past along."""
    counted = (
        "import threading; from comm import get_comm_manager\n"
        "names = sorted(t.name for t in threading.enumerate() if t.name.startswith('axon-'))\n"
        "print(names, len(get_comm_manager().comms) - before)"
    )
    with RateServer() as server:
        server.run(10**9, 300)
        notebook = open_notebook([CONNECT.format(url=server.base_url), "an.EventViewer(axon)"])
        notebook.run_cell(0)
        notebook.execute(
            "from comm import get_comm_manager; before = len(get_comm_manager().comms)"
        )
        for _ in range(RUNS):
            notebook.run_cell(1)
        viewer = Viewer(notebook)
        viewer.has(300)

        left = "['axon-feed axn_1', 'axon-reader axn_1'] 2\n"
        becomes(lambda: notebook.execute(counted), left)
        becomes(lambda: server.streams, 1)
        assert notebook.page.locator(".axon[role=region]").count() == 1

        # A second window of the same notebook sees the same, and goes without harm.
        notebook.save()
        other = open_notebook(notebook)
        Viewer(other).has(300)
        server.run(1000, 500)
        viewer.has(800)
        Viewer(other).has(800)
        assert Viewer(other).exported() == viewer.exported() == list(range(1, 801))
        other.page.close()
        server.run(1000, 200)
        viewer.has(1000)
        assert viewer.exported() == list(range(1, 1001))
        becomes(lambda: server.streams, 1)

        # A page that comes late gets the whole history, though it was sent before.
        server.run(10**9, 20_000)
        viewer.has(21_000)
        notebook.save()
        notebook.reload()
        late = Viewer(notebook)
        late.has(21_000)
        assert late.exported() == list(range(1, 21_001))


def test_nobody_looks_for_a_while_and_the_server_does_not_fill_up(open_notebook, jupyter):
    """The server keeps for a closed tab whatever its kernel sends: so that must be little."""
    total = 100 + EVENTS
    with RateServer() as server:
        server.run(10**9, 100)
        cell = f"from axon_notebook.widgets import feed\nfeed.MOST_BYTES = {BOUND}\n"
        cell += "feed.NORMAL_BYTES = feed.MOST_BYTES // 4\n"
        cell += "viewer = an.EventViewer(axon, max_bytes=10**9)\nviewer"
        notebook = open_notebook([CONNECT.format(url=server.base_url), cell])
        notebook.run_all()
        Viewer(notebook).has(100)
        notebook.save()
        before = most = jupyter.memory
        notebook.page.close()
        server.run(EVENTS / CLOSED_SECONDS, EVENTS)
        while server.head < total:
            most = max(most, jupyter.memory)
            time.sleep(0.1)

        again = open_notebook(notebook)
        viewer = Viewer(again)
        viewer.has(total, timeout=600)
        most = max(most, jupyter.memory)

        assert most - before < BOUND
        assert viewer.exported() == list(range(1, total + 1))
        becomes(lambda: server.streams, 1)
