"""What happens to a log when messages are lost, cells run again, notebooks are saved."""

from __future__ import annotations

import json
import subprocess
import sys

from ..waiting import becomes, wait_until
from .log_view import SETUP, LogView

# A seam between kernel and page: two of three numbered messages never leave the kernel.
LOSSY = """\
log = an.ExecutionLog(run("read x; for i in $(seq 400); do echo line $i; echo err $i >&2; "
                          "sleep 0.01; done", stdin=True), stdin=True)
post, dropped = log._post, []
def lossy(content, buffers):
    if content["kind"] == "log" and content["batch"] % 3 and len(dropped) < 40:
        if content["batch"] not in dropped:
            dropped.append(content["batch"])
            return
    post(content, buffers)
log._feed._send = lossy
log
"""


def test_messages_that_were_dropped_come_again(open_notebook):
    """The notebook server drops messages of a busy kernel without a word."""
    notebook = open_notebook([SETUP, LOSSY])
    notebook.run_all()
    log = LogView(notebook)
    log.says("running")
    log.stdin.fill("go")
    log.stdin.press("Enter")
    log.says("exit 0", timeout=300)
    log.shows("400", timeout=300)
    becomes(log.saved, "".join(f"line {i}\n" for i in range(1, 401)).encode())
    becomes(lambda: log.saved("stderr"), "".join(f"err {i}\n" for i in range(1, 401)).encode())

    assert int(notebook.execute("print(len(dropped))")) > 1


COUNT = """\
import gc, threading, ipywidgets, psutil
gc.collect()
print(sorted(t.name.split()[0] for t in threading.enumerate() if t.name.startswith("axon-")),
      len(get_ipython().kernel.comm_manager.comms),
      len(psutil.Process().net_connections("tcp")))
"""


def test_running_the_cell_again_and_again_leaves_one_log(open_notebook):
    """People press Shift+Enter all day; each run must end what the one before began."""
    cell = "log = an.ExecutionLog(run('echo here; read x', stdin=True), stdin=True)\nlog"
    notebook = open_notebook([SETUP, cell])
    notebook.run_all()
    log = LogView(notebook)
    log.shows("here")
    once = notebook.execute(COUNT)
    for _ in range(20):
        notebook.run_cell(1)
    LogView(notebook).shows("here")

    becomes(lambda: notebook.execute(COUNT), once)
    assert notebook.page.locator(".axon[role=region]").count() == 1

    notebook.execute("log.close()")
    wait_until(lambda: notebook.execute(COUNT).startswith(("[] 0 ", "[] 1 ")))
    notebook.execute("box.shutdown()")


def test_a_saved_notebook_shows_the_last_output(open_notebook):
    """Who gets the file by mail has no kernel, and often no network."""
    command = (
        r"for i in $(seq 30); do echo line $i; done; printf '\033[31mred\033[0m <b>bold</b>\n'"
    )
    notebook = open_notebook([SETUP, f"log = an.ExecutionLog(run({command!r}))\nlog"])
    notebook.run_all()
    log = LogView(notebook)
    log.says("exit 0")
    log.shows("red")
    notebook.page.wait_for_function(
        "JSON.stringify(axonTest.panel().content.widgets[1].model.outputs.toJSON())"
        ".includes('exit status 0')"
    )
    path = notebook.save()
    notebook.page.wait_for_function("!axonTest.panel().context.model.dirty")
    saved = json.loads(path.read_text())
    data = saved["cells"][1]["outputs"][0]["data"]

    assert "red &lt;b&gt;bold&lt;/b&gt;" in "".join(data["text/html"])
    assert "red <b>bold</b>" in "".join(data["text/plain"])
    assert "exit status 0" in "".join(data["text/html"])

    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", path],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    reader = open_notebook([""])
    reader.expected_errors.append("")
    reader.page.context.set_offline(True)
    page = path.with_suffix(".html")
    page.write_text(done.stdout)
    reader.page.goto(page.as_uri(), wait_until="domcontentloaded")
    reader.screenshot("log-nbconvert")

    assert "red <b>bold</b>" in reader.page.locator("body").inner_text()
    assert "line 30" in reader.page.locator("body").inner_text()

    notebook.execute("log.freeze()")
    frozen = notebook.output(1)
    frozen.get_by_text("red <b>bold</b>").wait_for()

    assert notebook.page.locator(".axon[role=region]").count() == 0


def test_a_log_out_of_sight_is_not_drawn_until_it_is_scrolled_to(open_notebook):
    """Of fifty logs in a notebook three can be seen; the others must not cost frames."""
    show = "logs = [an.ExecutionLog(run('echo here')) for _ in range(8)]\ndisplay(*logs)"
    notebook = open_notebook([SETUP, show])
    notebook.run_all()
    LogView(notebook).shows("here")
    last = LogView(notebook, 7)
    drawn_before = last.root.locator(".line").count()
    last.root.scroll_into_view_if_needed()
    last.shows("here")

    assert drawn_before == 0
    last.says("exit 0")
    notebook.execute("[log.close() for log in logs]")


def test_fifteen_logs_at_once_leave_the_kernel_free(open_notebook):
    """A sweep of experiments, each watched in its own widget, in one notebook."""
    cell = """\
from IPython.display import display
commands = [f"for i in $(seq 40); do echo {n} $i; sleep 0.02; done" for n in range(15)]
logs = [an.ExecutionLog(run(command), height=120) for command in commands]
display(*logs)
"""
    notebook = open_notebook([SETUP, cell])
    notebook.execute("import threading; before = threading.active_count()")
    notebook.run_all()

    assert notebook.execute("print(1 + 1)") == "2\n"

    for n in (0, 7, 14):
        log = LogView(notebook, n)
        log.root.scroll_into_view_if_needed()
        log.says("exit 0", timeout=300)
        log.shows(f"{n} 40")
    texts = "all(log.text() == ''.join(f'{n} {i}\\n' for i in range(1, 41))"

    assert notebook.execute(f"print({texts} for n, log in enumerate(logs)))") == "True\n"

    notebook.execute("for log in logs: log.close()")
    left = "print([t.name for t in threading.enumerate() if t.name.startswith('axon-')])"

    becomes(lambda: notebook.execute(left), "[]\n")
