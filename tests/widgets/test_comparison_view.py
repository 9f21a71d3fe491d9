"""What a comparison sends to the page, and leaves in a saved notebook."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from axon_notebook.comparison import RunStep
from axon_notebook.widgets import comparison_view
from axon_notebook.widgets.comparison_view import Comparison


def step(name: str, given: str = '{"path": "a.py"}', output: str = "fine") -> RunStep:
    return RunStep("tool call", name, given, output, "completed", 1.5, None, None, 7)


def sent(comparison: Comparison) -> dict[str, Any]:
    with comparison.view() as view:
        found: dict[str, Any] = json.loads(zlib.decompress(view.saved_state()))
    return found


def test_the_page_gets_texts_that_differ_in_a_readable_form() -> None:
    """JSON with one value per line; of what is the same only a preview."""
    a = [step("Read"), step("Bash", '{"command": "ls", "n": 1}', "x" * 50_000)]
    b = [step("Read"), step("Bash", '{"command": "ls", "n": 2}')]
    body = sent(Comparison(a, b, ("monday", "tuesday")))

    assert (body["a"], body["b"], body["left_out"]) == ("monday", "tuesday", 0)
    same, changed = body["pairs"]
    assert (same["what"], same["a"]["output"]) == ("same", "")
    assert changed["differs"] == ["input", "output"]
    assert changed["b"]["input"] == '{\n  "command": "ls",\n  "n": 2\n}'
    assert changed["a"]["output"].endswith("x… (50,000 characters)")


def test_what_is_too_much_for_a_page_is_counted(monkeypatch: Any) -> None:
    monkeypatch.setattr(comparison_view, "BYTES", 3000)
    steps = [step(f"tool{n}") for n in range(100)]
    body = sent(Comparison(steps, [], ("a", "b")))

    assert 0 < len(body["pairs"]) < 100
    assert body["left_out"] == 100 - len(body["pairs"])


def test_a_saved_notebook_shows_the_differences_as_text(tmp_path: Path) -> None:
    a = [step("<b>Bash</b>", '{"x": "<script>"}')]
    b = [step("<b>Bash</b>", '{"x": "</pre>"}')]
    comparison = Comparison(a, b, ("<i>a</i>", "b"))
    with comparison.view() as view:
        html, text = view.static_html(), view.static_text()
        file = view.save_html(tmp_path / "x.html").read_text("utf-8")

    assert "<script" not in html
    assert "<b>Bash" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;/pre&gt;" in html
    assert text == "<i>a</i> against b: 0 steps the same · 1 input changed"
    assert "<title>&lt;i&gt;a&lt;/i&gt; and b</title>" in file
    assert repr(view) == "<ComparisonView <i>a</i> and b, 1 differences>"
