"""Output that attacks, keys that must stay in the log, and what assistive technology is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ..waiting import becomes
from ..widgets.hostile_texts import HOSTILE, MARK
from .log_view import SETUP, LogView

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

CONTROLS = [
    "\x1b]0;{}\x07",
    "\x1b]2;{}\x1b\\",
    "\x1b]52;c;{}\x07",
    "\x1b]8;;javascript:alert('{}')\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]8;;https://axon_pwned.example/\x1b\\{}\x1b]8;;\x1b\\",
    "\x1b]1337;File=inline=1:{}\x07",
    "\x1bP{}\x1b\\",
    "\x1b_{}\x1b\\",
    "\x1b]0;{}",
    "\x9d0;{}\x9c",
    "\x1b[999999999C{}",
    "\x1b[?1049h{}\x1b[2J\x1b[?1049l",
    "\x1b[31;{}m",
    "\u202e{}\u2066",
]

# What the log may be made of: text in spans, its own controls, links to where a text leads.
ALLOWED = {
    *("div", "span", "i", "b", "button", "input", "select", "option", "details", "summary"),
    *("form", "canvas", "mark", "a", "pre", "svg", "path"),
}
ELEMENTS = """root => [...root.querySelectorAll('*')].map(e => ({
  tag: e.tagName.toLowerCase(), href: e.getAttribute('href'), id: e.id,
  names: e.getAttributeNames().filter(name => name.startsWith('on') || name === 'src'),
}))"""


def test_hostile_output_is_text_and_nothing_else(open_notebook, jupyter):
    """The page shares its origin with the server: whatever runs in it owns the kernel."""
    short = [text for text in HOSTILE if len(text) < 2000]
    lines = [*short, *(control.format(text) for control in CONTROLS for text in short[:12])]
    source = jupyter.root / "hostile"
    source.write_bytes("\n".join(lines).encode("utf-8", "replace") + b"\nthe end\n")
    cell = f"log = an.ExecutionLog(run('cat {source}; cat {source} >&2'))\nlog"
    notebook = open_notebook([SETUP, cell])
    requests: list[str] = []
    dialogs: list[str] = []
    notebook.page.on("request", lambda request: requests.append(request.url))
    notebook.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    title = notebook.page.title()
    notebook.run_all()
    log = LogView(notebook)
    log.says("exit 0")
    log.shows("the end")
    log.pane.focus()
    pages = 0
    notebook.page.keyboard.press("Home")
    becomes(lambda: log.pane.evaluate("p => p.scrollTop"), 0)
    while pages < 60 and not log.pane.evaluate(
        "p => p.scrollTop + p.clientHeight + 2 > p.scrollHeight"
    ):
        elements = log.root.evaluate(ELEMENTS)

        assert {element["tag"] for element in elements} <= ALLOWED
        assert not [e for e in elements if e["names"] or MARK in e["id"]]
        assert all(
            e["href"].startswith(("https://", "http://")) for e in elements if e["href"] is not None
        )
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for line in log.lines() for c in line)

        notebook.page.keyboard.press("PageDown")
        pages += 1
    notebook.screenshot("log-hostile")

    assert pages > 3
    assert dialogs == []
    own = (jupyter.url, "blob:")  # the widget's module is a blob
    assert [url for url in requests if MARK in url or not url.startswith(own)] == []
    assert not notebook.page.evaluate(f"'{MARK}' in window")
    assert MARK not in notebook.page.title()
    assert notebook.page.title().split(" ")[0].strip("*()") != "" or title == ""
    assert log.saved() == source.read_bytes()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_keys_pressed_in_the_log_stay_in_the_log(open_notebook, app):
    """In a notebook "b" makes a cell, "dd" deletes one and Ctrl+F searches the page."""
    command = "for i in $(seq 2000); do echo line $i; done"
    notebook = open_notebook([SETUP, f"log = an.ExecutionLog(run({command!r}))\nlog"], app=app)
    notebook.run_all()
    log, keyboard = LogView(notebook), notebook.page.keyboard
    log.shows("line 2000")
    cells = notebook.page.locator(".jp-Notebook .jp-Cell").count()
    log.pane.focus()
    for key in ("b", "a", "d", "d", "x", "m", "Home"):
        keyboard.press(key)
    becomes(lambda: log.lines()[:1], ["line 1"])
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == cells

    keyboard.press("Control+f")
    keyboard.type("line 77")
    expect(log.root.locator(".at")).to_contain_text("11")
    keyboard.press("Enter")
    log.shows("line 77")
    log.root.get_by_role("button", name="only matches").click()
    log.root.get_by_label("Context lines").select_option("0")
    # 77, 770 … 779, 1077? no: "line 77" stands at the beginning of eleven lines.
    log.shows("line 779")

    becomes(
        lambda: [line for line in log.lines() if line],
        ["line 77", *(f"line 77{i}" for i in range(10))],
    )
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == cells
    notebook.screenshot(f"log-search-{app}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(open_notebook, theme):
    """A log that a screen reader or a dim projector cannot use is not a log for everybody."""
    command = (
        r"for n in $(seq 0 15); do printf '\033[38;5;%sm colour %s \033[0m\n' $n $n; done; "
        "echo 'ERROR: no' >&2; echo 'WARNING: hm' >&2; read x"
    )
    cell = f"log = an.ExecutionLog(run({command!r}, stdin=True), stdin=True)\nlog"
    notebook = open_notebook([SETUP, cell], theme=theme)
    notebook.run_all()
    log = LogView(notebook)
    log.shows("colour 15")
    log.search.fill("colour")
    notebook.page.add_script_tag(path=AXE)
    found = notebook.page.evaluate(
        """async () => {
          const host = [...document.querySelectorAll('.jp-OutputArea-output div')]
            .find(e => e.shadowRoot);
          const { violations } = await axe.run(host, { resultTypes: ['violations'] });
          return violations.map(v => [v.id, v.nodes.map(n => n.target.join(' ') + ': ' +
            n.any.map(check => check.message).join('; '))]);
        }"""
    )
    notebook.screenshot(f"log-axe-{theme}")
    notebook.execute("log._execution.kill()")

    assert found == [], json.dumps(found, indent=1)
