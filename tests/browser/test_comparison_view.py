"""Two runs side by side, as a person compares them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
CHECK = """async () => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output *')];
  const host = outputs.find((element) => element.shadowRoot?.querySelector('.pairs'));
  host.parentElement.classList.add('axon-here');
  const found = await axe.run({ include: [['.axon-here']] }, { resultTypes: ['violations'] });
  return found.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}"""
SHOW = """\
import axon_notebook as an
difference = an.compare(an.open_recording("{a}"), an.open_recording("{b}"))
difference"""
IN_SIGHT = """(element) => {
  const list = element.closest('.pairs').getBoundingClientRect();
  const own = element.getBoundingClientRect();
  return own.top >= list.top - 1 && own.top < list.bottom;
}"""


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A recorded run, and the same with other arguments, another result and markup in a text."""
    other = tmp_path / "wednesday.jsonl.gz"
    text = gzip.decompress(RUN.read_bytes()).decode()
    for old, new in (
        ("nightly.py check monday", "nightly.py check --strict monday"),
        ("nightly.py bundle tuesday", "<img src=x onerror=alert(1)> tuesday"),
        ("count published/*", "count published/*.bundle"),
    ):
        assert old in text
        text = text.replace(old, new)
    other.write_bytes(gzip.compress(text.encode()))
    return RUN, other


def current(notebook: NotebookPage) -> Locator:
    return notebook.page.locator(".axon .pair[aria-current=true]")


@pytest.mark.parametrize(("theme", "size"), [("light", (1180, 900)), ("dark", (560, 900))])
def test_differences_are_walked_through_by_keys_and_buttons(
    runs: tuple[Path, Path], open_notebook: OpenNotebook, theme: str, size: tuple[int, int]
) -> None:
    """Both columns are one list; axe complains about nothing; text stays text."""
    a, b = runs
    notebook = open_notebook([SHOW.format(a=a, b=b)], size=size, theme=theme)
    notebook.run_all()
    page = notebook.page
    pairs = page.locator(".axon .pair")
    expect(pairs.first).to_be_visible(timeout=60_000)
    count = pairs.count()
    expect(page.locator(".axon .place")).to_have_text(f"– of {count}")
    notebook.screenshot(f"comparison-{theme}")

    page.locator(".axon .pairs").focus()
    for number in range(1, count + 1):
        page.keyboard.press("n")
        expect(page.locator(".axon .place")).to_have_text(f"{number} of {count}")
        assert current(notebook).evaluate(IN_SIGHT)
    expect(page.get_by_role("button", name="next difference")).to_be_disabled()
    page.keyboard.press("p")
    expect(page.locator(".axon .place")).to_have_text(f"{count - 1} of {count}")
    page.get_by_role("button", name="previous difference").click()
    expect(page.locator(".axon .place")).to_have_text(f"{count - 2} of {count}")
    notebook.screenshot(f"comparison-walked-{theme}")

    changed = page.locator(".axon .line.added mark", has_text="--strict").first
    expect(changed).to_have_text("--strict ")
    assert page.locator(".axon img").count() == 0
    fold = page.locator(".axon .fold").first
    fold.click()
    expect(page.locator(".axon .same-step").first).to_be_visible()

    page.add_script_tag(path=AXE)
    assert page.evaluate(CHECK) == []
