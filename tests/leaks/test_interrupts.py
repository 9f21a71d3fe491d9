"""The stop button at random moments of whatever a cell does: nothing stays behind."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from .kernels import Kernel, Level, wait_for

pytestmark = pytest.mark.kernel

SET_UP = """
import itertools
%xmode Minimal
client = an.connect()
axon = client.create_axon("stopped")
axon.publish_many([("tick", {"n": n}) for n in range(500)], progress=False)
devbox = client.create_devbox("stopped")
execution = devbox.run("for i in $(seq 100000); do echo $i; sleep 0.01; done")
%load_ext axon_notebook
_ = get_ipython().run_line_magic("axon", "use " + axon.id)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
"""

#: IPython's other tracebacks keep the syntax tree of every file that was ever in one (57 MiB
#: after 54 interrupts); without them 54 took 21 MiB in one run, and 108 took 10 in another.
MEMORY = 40 * 1024 * 1024

#: What a client keeps for its next requests; one that was given up comes back to the others.
IDLE_CONNECTIONS = 8

#: What is interrupted; each lasts until it is.
WORK = {
    "iterating": "for event in axon.subscribe():\n    pass",
    "waiting at the head": "for event in axon.subscribe('head'):\n    pass",
    "reading again and again": "while True:\n    axon.events(200)",
    "publishing": "for n in itertools.count():\n    axon.publish('more', {'n': n})",
    "a long query": "axon.sql(ENDLESS)",
    "a magic": "while True:\n    %axonsql SELECT 1",
    "output": "for chunk in execution.output():\n    pass",
    "a viewer": "while True:\n    with an.EventViewer(axon):\n        pass",
    "connecting": "while True:\n    with an.connect() as c:\n        c.axon(axon.id)",
}


@pytest.mark.parametrize("times", [9, pytest.param(54, marks=pytest.mark.long)])
def test_interrupts_at_random_moments_leave_nothing(
    home: Path, times: int, record_property: pytest.RecordProperty
) -> None:
    """People press stop when they have seen enough, not when it suits the library."""
    draw = random.Random(50)
    with Kernel(home) as kernel:
        kernel.good(SET_UP)
        for name, code in WORK.items():  # once each, so that what is made once is there
            pressed(kernel, name, code, 0.4)
        before = kernel.level()
        for turn in range(times):
            name, code = list(WORK.items())[turn % len(WORK)]
            pressed(kernel, name, code, draw.random())

        # A widget that was made as the button was pressed ends with the next run of its cell.
        kernel.good("an.EventViewer(axon).close()", cell="a viewer")
        # A request that was given up ends when its answer comes, which may take a while.
        wait_for(lambda: is_back(kernel.level(), before))
        after = kernel.level()
        sequences = kernel.good("print(axon.events(5000)['sequence'].is_monotonic_increasing)")

    record_property("before", str(before))
    record_property("after", str(after))
    assert is_back(after, before), (before, after)
    assert after.memory - before.memory < MEMORY
    assert sequences.strip() == "True"


def is_back(now: Level, before: Level) -> bool:
    """Whether nothing is left of what ran since *before*.

    Of threads the package's own count, by their names: the kernel's and IPython's come and go.
    """
    return (
        now.own == []
        and now.files <= before.files
        and now.sockets <= before.sockets + IDLE_CONNECTIONS
        and now.comms <= before.comms
        and now.processes <= before.processes
    )


def pressed(kernel: Kernel, name: str, code: str, seconds: float) -> None:
    """Run *code*, press stop after *seconds*; the kernel is itself again right after."""
    request = kernel.send(code, cell=name)
    kernel.wait_begun(request)
    time.sleep(seconds)
    kernel.interrupt()
    reply = kernel.wait(request, timeout=300)

    assert reply["status"] == "error", name
    assert reply["ename"] in ("KeyboardInterrupt", "Interrupted", "PublishError"), (
        name,
        reply["ename"],
    )
    assert kernel.good("print(6 * 7)").strip() == "42", name
