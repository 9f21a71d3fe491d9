"""Real commands in the log: what people watch, answer, search, end and come back to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ..waiting import becomes
from .log_view import SETUP, LogView
from .notebook_page import NotebookPage

RECORDINGS = Path(__file__).parents[1] / "recordings"

COLOURS = r"""
echo '$ pytest -q'
printf '\033[1m==== test session starts ====\033[0m\n'
printf 'tests/test_a.py \033[32m.....\033[0m\033[31mF\033[0m\n'
printf '\033[38;5;208morange\033[0m \033[48;2;40;80;160m blue ground \033[0m \033[3mitalic\033[0m\n'
sleep 0.3
printf 'WARNING slow disk\n' >&2
printf 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\n' >&2
printf 'ERROR: it broke: 日本語 and é\n' >&2
sleep 0.3
for i in $(seq 40); do echo "step $i of 40 is done"; done
printf '\033[31m1 failed\033[0m, \033[32m5 passed\033[0m in 0.42s\n'
"""


def opened(open_notebook, cell: str, **more) -> tuple[NotebookPage, LogView]:
    notebook = open_notebook([SETUP, cell], **more)
    notebook.run_all()
    return notebook, LogView(notebook)


@pytest.mark.parametrize(
    ("app", "theme", "size"),
    [
        ("lab", "light", (1280, 900)),
        ("notebook", "dark", (1280, 900)),
        ("lab", "dark", (700, 900)),
    ],
    ids=["lab-light", "notebook-dark", "lab-narrow"],
)
def test_a_failed_run_is_readable_at_a_glance(open_notebook, app, theme, size, request):
    """What broke, in which words, with which status: without scrolling or clicking."""
    cell = f"log = an.ExecutionLog(run({COLOURS + 'exit 1'!r}), title='pytest -q')\nlog"
    notebook, log = opened(open_notebook, cell, app=app, theme=theme, size=size)
    log.says("exit 1")
    log.shows("1 failed")
    notebook.screenshot(f"log-failed-{request.node.callspec.id}")

    becomes(lambda: log.lines()[-1:], ["1 failed, 5 passed in 0.42s"])
    red = log.pane.get_by_text("1 failed", exact=True)
    green = log.pane.get_by_text("5 passed", exact=True)
    colours = [part.evaluate("e => getComputedStyle(e).color") for part in (red, green)]
    assert len(set(colours)) == 2

    log.pane.focus()
    notebook.page.keyboard.press("Home")
    log.shows("test session starts")
    shown = log.lines()

    assert "errERROR: it broke: 日本語 and é" in shown
    assert "errWARNING slow disk" in shown
    notebook.screenshot(f"log-top-{request.node.callspec.id}")


def test_progress_bars_look_as_in_a_terminal(open_notebook, jupyter):
    """Nested bars, overwritten lines and cursor movements are what training runs print."""
    for name in ("tqdm_nested", "rich", "pip"):
        (jupyter.root / f"{name}.bin").write_bytes((RECORDINGS / f"{name}.bin").read_bytes())
    command = f"cd {jupyter.root}; cat tqdm_nested.bin; cat rich.bin pip.bin"
    notebook, log = opened(open_notebook, f"log = an.ExecutionLog(run({command!r}))\nlog")
    log.says("exit 0")
    whole = b"".join(
        (RECORDINGS / f"{name}.bin").read_bytes() for name in ("tqdm_nested", "rich", "pip")
    )
    log.shows("Successfully installed")
    notebook.screenshot("log-progress")

    assert log.saved() == whole
    assert not any("\r" in line or "\x1b" in line for line in log.lines())
    # Eight states of a bar are one line, not eight.
    text = log.counts.locator("b").inner_text()
    assert int(text.split()[0].replace(",", "")) < whole.count(b"\r") / 2


def test_a_prompt_is_answered_and_the_input_ended_in_the_page(open_notebook):
    """A question like "Proceed? [y/N]" should not need another cell."""
    command = "printf 'name? '; read name; echo hello $name; cat; echo the end"
    cell = f"log = an.ExecutionLog(run({command!r}, stdin=True), stdin=True)\nlog"
    notebook, log = opened(open_notebook, cell)
    log.shows("name?")
    log.stdin.click()
    notebook.page.keyboard.type("Ada dd ff")
    notebook.page.keyboard.press("Enter")
    log.shows("hello Ada dd ff")
    notebook.screenshot("log-stdin")
    log.root.get_by_role("button", name="EOF").click()
    log.says("exit 0")

    becomes(lambda: log.lines()[-1:], ["the end"])
    expect(log.stdin).to_be_hidden()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_stop_asks_before_it_ends_the_command(open_notebook, app):
    """A build of an hour must not end by a slip of the hand."""
    cell = "log = an.ExecutionLog(run('echo started; sleep 300'))\nlog"
    notebook, log = opened(open_notebook, cell, app=app)
    log.shows("started")
    log.root.get_by_role("button", name="Stop", exact=True).click()
    log.root.get_by_role("button", name="Keep").click()

    assert notebook.execute("print(log._execution.status().status)") == "running\n"

    log.root.get_by_role("button", name="Stop", exact=True).click()
    log.root.get_by_role("button", name="Stop it").click()
    log.says("SIG")
    notebook.screenshot(f"log-killed-{app}")

    assert notebook.execute("print(log._execution.status().status)") == "completed\n"


def test_a_running_cell_does_not_stop_the_log(open_notebook):
    """The run that is watched is often the cell that blocks; so is the button that ends it."""
    cell = """\
import time
from IPython.display import display
log = an.ExecutionLog(run('for i in $(seq 6000); do echo tick $i; sleep 0.05; done'))
display(log)
end = time.monotonic() + 600
while log.stats()["exit_status"] is None and time.monotonic() < end:
    time.sleep(0.2)
print("seen", log.stats()["exit_status"])
"""
    notebook = open_notebook([SETUP, cell])
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    log = LogView(notebook)
    log.shows("tick 20")
    log.search.fill("tick 1")
    expect(log.root.locator(".at")).to_have_text(re.compile(r"\d"))
    assert not notebook.page.evaluate("axonTest.idle()"), "the cell must still be running"
    log.root.get_by_role("button", name="Stop", exact=True).click()
    log.root.get_by_role("button", name="Stop it").click()
    log.says("SIG")
    notebook.wait_idle()

    assert "seen" in notebook.output(1).last.inner_text()
    assert "None" not in notebook.output(1).last.inner_text()


def test_a_reload_brings_everything_back_in_the_order_it_was_printed(open_notebook):
    """A closed lid must not turn a stack trace and the lines around it inside out."""
    steps = "for i in 1 2 3 4 5; do echo out $i; sleep 0.1; echo err $i >&2; sleep 0.1; done"
    commands = [steps + "; echo done", steps + "; sleep 300"]
    cells = [f"logs = [an.ExecutionLog(run(c)) for c in {commands!r}]\nlogs[0]", "logs[1]"]
    notebook = open_notebook([SETUP, *cells])
    notebook.run_all()
    for nth in (0, 1):
        LogView(notebook, nth).shows("err 5")
    LogView(notebook).says("exit 0")
    LogView(notebook).shows("done")
    printed = [line for i in range(1, 6) for line in (f"out {i}", f"errerr {i}")]

    becomes(LogView(notebook).lines, [*printed, "done"])

    notebook.save()
    notebook.reload()
    LogView(notebook).shows("done")
    LogView(notebook).says("exit 0")
    LogView(notebook, 1).shows("err 5")
    LogView(notebook, 1).says("running")
    notebook.screenshot("log-reloaded")

    becomes(LogView(notebook).lines, [*printed, "done"])
    becomes(LogView(notebook, 1).lines, printed)
    notebook.execute("for log in logs: log._execution.kill()")


def test_two_windows_show_the_same_output(open_notebook):
    """One at the desk, one on the projector."""
    command = "read x; for i in $(seq 500); do echo line $i; done"
    cell = f"log = an.ExecutionLog(run({command!r}, stdin=True), stdin=True)\nlog"
    first, log = opened(open_notebook, cell)
    log.says("running")
    first.save()
    second = open_notebook(first)
    other = LogView(second)
    other.says("running")
    log.stdin.fill("go")
    log.stdin.press("Enter")
    expected = "".join(f"line {i}\n" for i in range(1, 501)).encode()
    for view in (log, other):
        view.says("exit 0")
        view.shows("line 500")
        becomes(view.saved, expected)
