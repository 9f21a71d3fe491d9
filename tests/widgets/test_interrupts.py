"""The stop button while a widget is made or closed."""

from __future__ import annotations

import _thread
import random
import signal
import threading
from collections.abc import Iterator

import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.widgets import live
from axon_notebook.widgets.interrupts import deferred_interrupt

from ..waiting import wait_until
from .comms import Comms


@pytest.fixture
def axon(service: ServiceAddress) -> Iterator[an.Axon]:
    with an.connect(service.base_url, api_key=service.token) as client:
        axon = client.create_axon("interrupted")
        axon.publish("tick")
        yield axon


def own_threads() -> set[str]:
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith(("axon-feed", "axon-reader"))}


def test_an_interrupt_takes_effect_at_the_end_of_the_block() -> None:
    """Put off is not lost: the person still wants the cell to stop."""
    reached: list[str] = []

    def nested() -> None:
        with deferred_interrupt():
            with deferred_interrupt():
                _thread.interrupt_main()
                reached.append("inner")
            reached.append("outer")

    with pytest.raises(KeyboardInterrupt):
        nested()

    assert reached == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_are_left_alone() -> None:
    """Only the main thread may set handlers, and only it is interrupted."""
    handlers: list[object] = []

    def work() -> None:
        with deferred_interrupt():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert handlers == [signal.default_int_handler]


def test_f32_a_widget_is_made_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, axon: an.Axon
) -> None:
    """Half of one would keep its comm, its threads and its connection until the kernel ends."""
    comms = Comms(monkeypatch)
    draw = random.Random(32)
    an.EventViewer(axon).close()  # so that no import is interrupted
    interrupts = 0
    for _ in range(40):
        timer = threading.Timer(draw.random() * 0.03, _thread.interrupt_main)
        try:
            timer.start()
            while True:
                with an.EventViewer(axon):
                    pass
        except KeyboardInterrupt:
            interrupts += 1
        timer.join()

    # One press may fall between the lines of the cell, where a made widget is in nobody's hands.
    left = list(live._alive)
    for widget in left:
        widget.close()
    wait_until(lambda: not own_threads())
    assert interrupts == 40
    assert len(left) <= 1
    assert comms.open == set()
