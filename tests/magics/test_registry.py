"""One table of magics: everything that knows their names and options reads it."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from pygments.lexers import get_lexer_by_name

from axon_notebook.magics import lexers
from axon_notebook.magics.registry import cell_magics, help_text, magics, sub_commands
from axon_notebook.magics.transforms import clean_cell

Run = Callable[..., Any]
REPOSITORY = Path(__file__).parents[2]
DOCS = (REPOSITORY / "docs" / "magics.md").read_text("utf-8")
README = (REPOSITORY / "README.md").read_text("utf-8")
CELLS = sorted(cell_magics())


def test_every_file_of_a_magic_is_in_the_table() -> None:
    """A file is all that a magic needs."""
    files = {path.stem for path in (REPOSITORY / "axon_notebook/magics").glob("axon*.py")}

    assert {magic.run.__module__.rpartition(".")[2] for magic in magics().values()} == files
    assert {"axonsql", "axon_publish", "axon_run", "axon_prompt"} <= set(magics())
    assert {"use", "watch", "run", "logs", "help"} <= set(sub_commands())


def test_the_overview_names_every_magic_and_option(run: Run) -> None:
    """What help does not name, nobody finds."""
    overview = repr(run("%axon help"))

    assert "    %axon create orders" in overview.split("\n\n")[1]
    for name in cell_magics():
        assert f"%%{name} " in overview
    for command in sub_commands().values():
        assert command.usage in overview
        assert all(option.written in overview for option in command.options)


@pytest.mark.parametrize("name", [*CELLS, *sub_commands()])
def test_help_about_one_names_its_options(name: str) -> None:
    """Examples first, options last."""
    magic = {**cell_magics(), **sub_commands()}[name]
    text = help_text(name)

    assert f"%{magic.name}" in text
    assert all(option.written in text for option in magic.options)


@pytest.mark.parametrize("name", sorted(magics()))
def test_the_documentation_has_every_magic_with_its_options(name: str) -> None:
    """Both are written by hand, so they are checked; an option stands with its magic."""
    magic = magics()[name]
    if magic.language is None:
        (row,) = re.findall(rf"^\| `%{name}\b.*$", DOCS, re.MULTILINE)
        (shared,) = re.findall(r"^`-a`, `--axon(?:.+\n)+", DOCS, re.MULTILINE)
        part = row + (shared if f"`{name.removeprefix('axon ')}`" in shared else "")
    else:
        (part,) = re.findall(
            rf"^## [^\n]*`%%{name}`\n.*?(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL
        )

    assert [o.long for o in magic.options if not re.search(rf"`{o.long}[ `=]", part)] == []


@pytest.mark.parametrize("name", sorted(magics()))
def test_the_readme_has_every_option_beside_its_magic(name: str) -> None:
    """A reader looks in the table of the magic, not anywhere on the page."""
    magic = magics()[name]
    tables = README.partition("### Every magic, every option")[2].split("\n| `%")
    if magic.language is None:
        word = name.removeprefix("axon ")
        rows = next(t for t in tables if t.startswith("axon`")).splitlines()
        place = next(row for row in rows if re.match(rf"\|[^|]*`{word}\b[^|]*\|", row))
    else:
        place = next(t for t in tables if re.match(rf"%?{name}`", t))
    missing = [o.long for o in magic.options if not re.search(rf"`(-\w/)?{o.long}[` ]", place)]

    assert missing == []


@pytest.mark.parametrize("name", CELLS)
def test_each_cell_magic_completes_its_options(
    run: Run, shell: InteractiveShell, name: str
) -> None:
    """And never Python's names, in a body of whatever language."""

    def offered(text: str) -> list[str]:
        with provisionalcompleter():
            return [c.text for c in shell.Completer.completions(text, len(text))]

    longs = [option.long for option in magics()[name].options]

    assert offered(f"%%{name} --") == longs
    assert offered(f"%%{name}\nrun") == ["run"]
    assert name in offered("%axon help axon") + offered("%axon help axonsq")


@pytest.mark.parametrize("name", CELLS)
def test_each_cell_magic_may_stand_below_a_comment(name: str) -> None:
    """IPython alone calls that a syntax error."""
    assert clean_cell(["# why\n", f"%%{name}\n", "body\n"]) == [f"%%{name}\n", "body\n"]
    assert clean_cell([f"%%{name} x\n"]) == [f"%{name} x\n"]


def test_the_prompt_colours_each_body_in_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPython's table is private, so its shape is asked for."""
    from IPython.terminal import ptutils

    monkeypatch.setattr(ptutils, "_MAGIC_LEXER_CLASSES", dict(ptutils._MAGIC_LEXER_CLASSES))
    before = dict(ptutils._MAGIC_LEXER_CLASSES)
    lexers.install()
    added = {n: c for n, c in ptutils._MAGIC_LEXER_CLASSES.items() if n not in before}
    lexers.remove()

    assert set(added) == set(CELLS)
    assert before.keys() == ptutils._MAGIC_LEXER_CLASSES.keys()
    for lexer in added.values():
        assert get_lexer_by_name(lexer.removesuffix("Lexer").lower())


def test_jupyterlab_has_the_languages_of_the_table(tmp_path: Path) -> None:
    """It reads a file that the build takes from the sources, without importing the package."""
    build = runpy.run_path(str(REPOSITORY / "hatch_build.py"))
    build["write_magics_table"].__globals__["MAGICS_TABLE"] = tmp_path / "magics.json"
    build["write_magics_table"]()
    expected = {name: magic.language for name, magic in cell_magics().items()}

    assert json.loads((tmp_path / "magics.json").read_text("utf-8")) == expected


def test_the_page_tells_nbconvert_of_every_language() -> None:
    """The line is there to be copied."""
    (line,) = re.findall(r"^c\.HighlightMagicsPreprocessor\.languages = (.*)$", DOCS, re.MULTILINE)
    expected = {
        f"%%{name}": "bash" if m.language == "shell" else m.language
        for name, m in cell_magics().items()
    }

    assert json.loads(line) == expected
