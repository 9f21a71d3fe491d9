"""What the tutorial and the cookbook show is what their examples show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .examples import DOCS, RECORDED, REPOSITORY, cells, masked, rewrite, shell_at

Shown = dict[str, list[str]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """What the examples of each page show; they run once, in their order."""
    outputs: Shown = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY / "notebooks")
        for name in ("RUNLOOP_API_KEY", "RUNLOOP_BASE_URL"):
            patch.delenv(name, raising=False)
        for page, recordings in RECORDED.items():
            home = tmp_path_factory.mktemp("docs") / "home"
            patch.setenv("AXON_NOTEBOOK_HOME", str(home))
            with shell_at(home, recordings) as shell:
                outputs[page] = [shell.show(cell) for cell in cells((DOCS / page).read_text())]
    return outputs


EXAMPLES = [
    pytest.param(page, number, id=f"{page.removesuffix('.md')}-{number}")
    for page in RECORDED
    for number in range(len(cells((DOCS / page).read_text("utf-8"))))
]


@pytest.mark.parametrize(("page", "number"), EXAMPLES)
def test_an_example_shows_what_the_page_says(shown: Shown, page: str, number: int) -> None:
    """A reader who gets something else believes that he did something wrong."""
    cell = cells((DOCS / page).read_text("utf-8"))[number]

    assert masked(shown[page][number]) == masked(cell.output), f"{cell.source}\nmake examples"


def test_the_cookbook_has_a_result_under_every_query() -> None:
    """A query without its result leaves the reader to guess what it is for."""
    queries = [
        cell
        for cell in cells((DOCS / "cookbook.md").read_text("utf-8"))
        if "axonsql" in cell.source
    ]

    assert len(queries) >= 20
    assert [cell.source for cell in queries if "| --" not in cell.output] == []


def test_outputs_are_written_where_their_examples_stand() -> None:
    """`make examples` must not move or lose a word that a person wrote."""
    head, tail = "a\n\n```sql\nSELECT 1\n```\n\n<!-- output -->\n", "\n\nb\n\n```python\nx\n```\n"
    page = f"{head}old\n<!-- /output -->{tail}"

    text = rewrite(page, ["new", ""])

    assert text == f"{head}new\n<!-- /output -->{tail}"
    assert rewrite(text, ["", "2"]).endswith(f"{tail}\n<!-- output -->\n2\n<!-- /output -->\n")


def test_no_page_shows_the_machine_it_was_written_on() -> None:
    """A path of somebody's disk helps nobody."""
    machine = [str(REPOSITORY), str(Path.home()) + os.sep, "/tmp/"]
    texts = {page.name: page.read_text("utf-8") for page in DOCS.glob("*.md")}

    found = {name: p for name, text in texts.items() for p in machine if p in text}
    assert found == {}
