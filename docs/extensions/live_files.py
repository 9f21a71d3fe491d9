"""Make the interactive files that the site embeds: viewer, log, chat, timeline of a recorded run.

A hook of mkdocs.  They are made anew with every build, from the recording that the notebooks use,
by the embedded service in a folder of its own; nothing of them is committed.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import axon_notebook as an
from axon_notebook.local.process.launcher import stop_service

ROOT = Path(__file__).parents[2]
RUN = ROOT / "notebooks" / "data" / "agent_run.jsonl.gz"
#: A command whose output has colours and a bar that is drawn over itself.
COMMAND = r"""
printf '\033[1mcollected 240 items\033[0m\n\n'
bar='########################'
for n in $(seq 1 12); do printf '\rtests  %3d %%  [%-24.*s]' $((n * 8)) $((n * 2)) "$bar"; done
printf '\n\n\033[32m239 passed\033[0m, \033[31m1 failed\033[0m in 4.21 s\n'
printf '\033[31mFAILED\033[0m test_orders.py::test_rounding - assert 0.1 + 0.2 == 0.3\n' >&2
for n in $(seq 1 400); do
  printf '\033[2m%04d\033[0m \033[3%dmorder %d\033[0m checked\n' $n $((n % 7 + 1)) $((n * 7919))
done
"""
TITLE = "A nightly job"
PATIENCE = 60.0


def on_post_build(config: Any, **_: Any) -> None:
    """Write the files into the site that was built."""
    target = Path(config["site_dir"]) / "live"
    target.mkdir(parents=True, exist_ok=True)
    with an.open_recording(RUN) as recording:
        with an.EventViewer(recording, timeline=True) as viewer:
            _wait(lambda: viewer.stats()["received"] == len(recording))
            viewer.title = TITLE
            viewer.save_html(target / "viewer.html")
        with an.Timeline(recording) as timeline:
            _wait(lambda: timeline.stats()["received"] == len(recording))
            timeline.title = TITLE
            timeline.save_html(target / "timeline.html")
        with an.AgentChat(recording) as chat:
            chat.title = TITLE
            chat.save_html(target / "chat.html")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        try:
            _log(Path(home), target / "log.html")
        finally:
            stop_service(Path(home))


def _log(home: Path, target: Path) -> None:
    with an.connect(home=home) as client, client.create_devbox("tests") as devbox:
        execution = devbox.run(COMMAND)
        with an.ExecutionLog(execution, title="pytest -q") as log:
            execution.wait()
            _wait(lambda: "order 3167600" in log.static_text())
            log.save_html(target)


def _wait(holds: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not done after {PATIENCE:.0f} s")
        time.sleep(0.02)
