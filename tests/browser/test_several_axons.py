"""Several axons in one viewer: sixteen fast streams, each complete; order, colours, states."""

from __future__ import annotations

import json
import os
import secrets
from collections import defaultdict

import pytest
from playwright.sync_api import expect

from ..faults.rate_server import RateServer
from ..waiting import wait_until
from .viewer_page import CONNECT, Viewer

LONG = bool(os.environ.get("AXON_LONG"))
AXONS = 16
RATE = 20_000  # events a second of all axons together
COUNT = RATE // AXONS * (30 if LONG else 3)  # events of each

SIXTEEN = """\
axons = [client.axon(f"axn_{{n}}") for n in range(1, {axons} + 1)]
viewer = an.EventViewer(axons, max_bytes=10**9)
viewer
"""


def exported(viewer: Viewer) -> list[dict[str, object]]:
    """All events in the page, in its order, as its export has them."""
    with viewer.page.expect_download() as download:
        viewer.choose("all events, JSON lines")
    return [json.loads(line) for line in download.value.path().read_text("utf-8").splitlines()]


def test_sixteen_streams_at_twenty_thousand_events_a_second(open_notebook):
    """However fast the machine is: every event of every axon, once, in the order of time."""
    with RateServer() as server:
        cells = [CONNECT.format(url=server.base_url), SIXTEEN.format(axons=AXONS)]
        notebook = open_notebook(cells)
        notebook.run_all()
        viewer = Viewer(notebook)
        viewer.is_live()
        server.run(RATE / AXONS, COUNT)

        expect(viewer.root.locator(".axon-chip")).to_have_count(AXONS)
        expect(viewer.list.locator(".row:not([hidden]) .axon-cell").first).to_be_visible()
        viewer.has(AXONS * COUNT, timeout=400)
        notebook.screenshot("viewer-sixteen-axons")
        events = exported(viewer)

        sequences = defaultdict(list)
        for event in events:
            sequences[event["axon_id"]].append(event["sequence"])
        assert sequences == {f"axn_{n}": list(range(1, COUNT + 1)) for n in range(1, AXONS + 1)}
        times = [event["timestamp_ms"] for event in events]
        assert times == sorted(times)


LOCAL = """\
import axon_notebook as an
client = an.connect({url!r}, api_key={token!r})
axons = [client.create_axon(f"{name}-{{n}}") for n in range(3)]
for axon in axons:
    axon.publish_many([("note", {{"n": n}}) for n in range(20)])
viewer = an.EventViewer(client.axon_set("{name}-*"))
viewer
"""


@pytest.fixture
def several(open_notebook, service):
    """A view of three axons of twenty events each."""
    name = f"shown{secrets.token_hex(3)}"  # the tests share the service
    cell = LOCAL.format(url=service.base_url, token=service.token.reveal(), name=name)
    notebook = open_notebook([cell])
    notebook.run_all()
    viewer = Viewer(notebook)
    viewer.is_live()
    viewer.has(60)
    viewer.axons = name
    return viewer


def test_a_late_event_does_not_move_what_is_read(several):
    """It stands in its place, which may be above the reader."""
    viewer, page = several, several.page
    viewer.list.focus()
    page.keyboard.press("Home")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    place = """list => {
      const row = list.querySelector('.row[data-state~=active]');
      return [Math.round(row.getBoundingClientRect().top),
        row.querySelector('.axon-cell').textContent, row.querySelector('.seq').textContent];
    }"""
    before = viewer.list.evaluate(place)
    # A stream that was away brings events that are older than all that is shown.
    viewer.notebook.execute(
        "from axon_notebook.models import AxonEvent\n"
        "from axon_notebook.wire.cursor import EventBatch\n"
        "import msgspec\n"
        "kept = viewer._store.open('axn_late', 'late')\n"
        "late = [AxonEvent(n, 'axn_late', 1000 + n, 'USER_EVENT', 's', 'note', '{}')"
        " for n in range(1, 31)]\n"
        "kept.append(EventBatch(late, [msgspec.json.encode(e) for e in late]))\n"
        "viewer._notify(stat=True)"
    )
    viewer.has(90)

    assert viewer.list.evaluate(place) == before
    page.keyboard.press("Home")
    expect(viewer.list.locator(".row:not([hidden]) .axon-cell").first).to_have_text("late")


def test_a_chip_filters_by_axon_and_the_list_tells_how_each_stands(several):
    """The strip is legend, filter and status in one."""
    viewer = several
    chip = viewer.root.locator(".axon-chip", has_text=f"{viewer.axons}-1")
    chip.click()

    expect(viewer.filter).to_have_value(f"axon:{viewer.axons}-1")
    expect(viewer.root.locator(".shown")).to_have_text("20 of 60")
    frame = viewer.notebook.execute(
        "print(list(viewer.filtered().columns[:3]), set(viewer.filtered().axon_name))"
    )
    assert f"['axon', 'axon_name', 'sequence'] {{'{viewer.axons}-1'}}" in frame
    chip.click()
    expect(viewer.filter).to_have_value("")
    viewer.notebook.execute("axons[2].delete()")
    viewer.root.locator(".axon-open").click()

    trouble = viewer.root.locator(".axon-chip", has_text=f"{viewer.axons}-2")
    expect(trouble.locator(".word")).to_have_text("failed", timeout=120_000)
    expect(viewer.word).to_have_text("live")
    expect(viewer.root.locator(".state-line")).to_contain_text(
        f"1 of 3 axons: {viewer.axons}-2 failed"
    )
    viewer.notebook.screenshot("viewer-several-open")


SELECTED = "print(viewer.selected.iloc[:, :3].equals(viewer.frame().iloc[:25, :3]))"


def test_rows_that_are_selected_are_known_by_axon_in_python(several):
    """From row to row over all axons, also with Shift."""
    viewer, page = several, several.page
    viewer.list.focus()
    page.keyboard.press("Home")
    for _ in range(24):
        page.keyboard.press("Shift+ArrowDown")

    wait_until(lambda: "True" in viewer.notebook.execute(SELECTED))
