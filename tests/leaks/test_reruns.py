"""A cell that shows something live is run again and again: only the last one is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from .kernels import Kernel, Level, wait_for

pytestmark = pytest.mark.kernel

SET_UP = """
client = an.connect()
axon = client.create_axon("leaks")
axon.publish_many([("tick", {"n": n, "text": "x" * 200}) for n in range(300)], progress=False)
devbox = client.create_devbox("leaks")
execution = devbox.run("seq 1 2000; sleep 600")
"""
#: Displayed, not the value of the cell: IPython keeps values for good, in `Out`.
FACES = {
    "viewer": "shown = an.EventViewer(axon)\ndisplay(shown)",
    "log": "shown = an.ExecutionLog(execution)\ndisplay(shown)",
}
MIB = 1024 * 1024


def lasting(kernel: Kernel, most: Level) -> Level:
    """The level once it is within *most*, or after two minutes.

    ipykernel closes the pipes of threads that have ended every ten seconds.
    """
    wait_for(lambda: not above(kernel.level(), most))
    return kernel.level()


def above(level: Level, most: Level) -> dict[str, tuple[object, object]]:
    """The counts of *level* that are above those of *most*."""
    pairs = {name: (count, most.counts[name]) for name, count in level.counts.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] > pair[1]}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("times", [25, pytest.param(300, marks=pytest.mark.long)])
def test_running_a_cell_again_leaves_one_of_everything(
    home: Path, face: str, times: int, record_property: pytest.RecordProperty
) -> None:
    """Threads, sockets, files, comms, processes and memory of a day's work in one notebook."""
    with Kernel(home) as kernel:
        kernel.good(SET_UP)
        idle = kernel.level()
        for _ in range(3):
            kernel.good(FACES[face], cell="same")
        one = kernel.level()
        for _ in range(times):
            kernel.good(FACES[face], cell="same")
        many = lasting(kernel, one)
        kernel.good("shown.close()")
        none = kernel.level()

    for name, level in (("idle", idle), ("one", one), ("many", many), ("none", none)):
        record_property(name, str(level))
    grown = (many.memory - one.memory) / MIB
    assert above(many, one) == {}
    assert none.own == []
    assert none.comms == idle.comms
    assert grown < 24, f"{grown:.1f} MiB more after {times} runs"
