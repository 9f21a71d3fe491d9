"""Cells show the colours of the language they hold, in JupyterLab and in Notebook 7."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from ..waiting import becomes, wait_until
from .notebook_page import NotebookPage

SQL = """%%axonsql recent << --limit 5 -a from
-- the newest of one kind
SELECT payload ->> '$.text' AS words
FROM rl_axon_events
WHERE event_type = :kind AND sequence > 12"""

PUBLISH = """%%axon_publish deploy --source for
{"version": "1.2", "count": 3, "who": ${user}, "ok": true}"""

PYTHON = """def answer(select):
    # where from
    return "from" if 6 * 7 else None
%axonsql --limit 2 SELECT 'it' FROM t
rows = %axonsql SELECT 'open FROM t
def after(): return 1
text = '''
%axonsql SELECT 1
'''"""

RUN = '%%axon_run --timeout 5\nfor f in *; do echo "$f"; done'

MARKDOWN = "#md\n%%axonsql\nSELECT *one* FROM t"

# Every piece of the cell's source with the name of its colour in the theme.
LOOK = """(cell) => {
  const style = (element) => {
    const { color, fontWeight } = getComputedStyle(element);
    return `${color} ${fontWeight >= 600 ? "bold" : ""}`;
  };
  const probe = document.body.appendChild(document.createElement("i"));
  const names = new Map();
  const learn = (name, variable, weight) => {
    probe.style.cssText = `color: var(${variable}); font-weight: ${weight}`;
    names.set(style(probe), name);
  };
  for (const kind of ["string", "comment", "builtin", "number", "variable-2", "property", "def"])
    learn(kind, `--jp-mirror-editor-${kind}-color`, 400);
  learn("plain", "--jp-content-font-color1", 400);
  learn("operator", "--jp-mirror-editor-operator-color", 700);
  learn("keyword", "--jp-mirror-editor-keyword-color", 700);
  probe.remove();
  const walker = document.createTreeWalker(cell.querySelector(".cm-content"), NodeFilter.SHOW_TEXT);
  const pieces = [];
  while (walker.nextNode()) {
    const found = style(walker.currentNode.parentElement);
    pieces.push([walker.currentNode.data.trim(), names.get(found) ?? found]);
  }
  return pieces.filter(([text]) => text);
}"""


def looks(cell: Locator) -> list[tuple[str, str]]:
    """``[(text, name of its colour)]`` of the source of a cell."""
    return [tuple(piece) for piece in cell.evaluate(LOOK)]


def has(cell: Locator, *pieces: tuple[str, str]) -> None:
    """Wait until the cell has these pieces: the editor parses in steps, languages load late."""
    wait_until(lambda: set(pieces) <= set(looks(cell)), pieces)


def coloured(notebook: NotebookPage) -> None:
    """Wait until the languages, which load with the first cell, have coloured it."""
    expect(notebook.cell(0).locator(".cm-line span").first).to_be_visible()


@pytest.mark.parametrize(("app", "theme"), [("lab", "light"), ("notebook", "dark")])
def test_each_cell_has_the_colours_of_its_language(open_notebook, app, theme):
    """SQL in the colours of Python misleads: there, ``--`` is two minus signs."""
    notebook = open_notebook([SQL, PUBLISH, RUN, PYTHON, MARKDOWN], app=app, theme=theme)
    coloured(notebook)
    sql, publish, run, python, markdown = (notebook.cell(i) for i in range(5))
    assert looks(sql)[:2] == [("%%", "operator"), ("axonsql recent << --limit 5 -a from", "plain")]
    has(
        sql,
        ("-- the newest of one kind", "comment"),
        ("SELECT", "keyword"),
        ("payload", "plain"),
        ("->>", "operator"),
        ("'$.text'", "string"),
        (":kind", "variable-2"),
        ("12", "number"),
    )
    assert looks(publish)[:2] == [("%%", "operator"), ("axon_publish deploy --source for", "plain")]
    has(
        publish,
        ('"version"', "property"),
        ('"1.2"', "string"),
        ("3", "number"),
        ("true", "keyword"),
    )
    assert looks(run)[1] == ("axon_run --timeout 5", "plain")
    has(run, ("for", "keyword"))
    has(
        python,
        ("def", "keyword"),
        ("answer", "def"),
        ("# where from", "comment"),
        ('"from"', "string"),
        ("None", "keyword"),
    )
    has(markdown, ("SELECT", "plain"))
    notebook.screenshot(f"highlighting-{app}-{theme}")


def test_a_line_magic_is_an_island_of_sql_in_python(open_notebook):
    """Its options stay plain, its open quote ends with the line, and a string is not a magic."""
    notebook = open_notebook([PYTHON])
    coloured(notebook)
    has(notebook.cell(0), ("%axonsql SELECT 1", "string"))
    pieces = looks(notebook.cell(0))
    first = pieces.index(("axonsql --limit 2", "plain"))

    assert pieces[first - 1 :] == [
        ("%", "operator"),
        ("axonsql --limit 2", "plain"),
        ("SELECT", "keyword"),
        ("'it'", "string"),
        ("FROM", "keyword"),
        ("t", "plain"),
        ("rows", "plain"),
        ("=", "operator"),
        ("%", "operator"),
        ("axonsql", "plain"),
        ("SELECT", "keyword"),
        ("'open FROM t", "string"),
        ("def", "keyword"),
        ("after", "def"),
        ("(", "plain"),
        (")", "plain"),
        (":", "plain"),
        ("return", "keyword"),
        ("1", "number"),
        ("text", "plain"),
        ("=", "operator"),
        ("'''", "string"),
        ("%axonsql SELECT 1", "string"),
        ("'''", "string"),
    ]


def test_colours_follow_the_typing(open_notebook):
    """A cell becomes SQL with the last letter of the magic, and Python again without it."""
    notebook = open_notebook(["def f(): pass\nselect = 1"], app="notebook")
    coloured(notebook)
    cell = notebook.cell(0)

    has(cell, ("def", "keyword"))

    cell.locator(".cm-content").click()
    keyboard = notebook.page.keyboard
    keyboard.press("Control+Home")
    keyboard.type("%%axonsq\n")

    has(cell, ("select", "plain"))

    keyboard.press("ArrowLeft")
    keyboard.type("l")

    expect(cell.locator("span").filter(has_text="select")).to_have_count(1)
    has(cell, ("select", "keyword"))
    assert ("def", "plain") in looks(cell) or ("def f", "plain") in looks(cell)

    keyboard.press("Backspace")

    expect(cell.locator("span").filter(has_text="select")).to_have_count(0)
    has(cell, ("def", "keyword"))
    has(cell, ("select", "plain"))


def test_writing_sql_feels_like_writing_sql(open_notebook):
    """Enter keeps the margin, and the shortcut for comments writes SQL's."""
    notebook = open_notebook(["%%axonsql"])
    notebook.edit(0)
    notebook.page.keyboard.type("\nselect *\nfrom t")
    notebook.page.keyboard.press("Control+/")
    source = notebook.page.evaluate("axonTest.panel().content.widgets[0].model.sharedModel.source")

    assert source == "%%axonsql\nselect *\n-- from t"


def test_sql_begins_where_the_options_end(open_notebook):
    """Also on the magic line itself, below comments, and within a magic that times it."""
    cells = [
        "%%axonsql -n 3 select one\nfrom t",
        "# why\n\n%%axonsql\nselect one",
        "%%time\n%%axonsql\nselect one",
        "%%bash\n%%axonsql\nselect one",
        "%axonsql select one \\\n  from t\nfrom x import select",
    ]
    notebook = open_notebook(cells)
    coloured(notebook)
    has(notebook.cell(4), ("import", "keyword"))
    first, below, timed, other, continued = (looks(notebook.cell(i)) for i in range(5))

    assert first[1:] == [
        ("axonsql -n 3", "plain"),
        ("select", "keyword"),
        ("one", "plain"),
        ("from", "keyword"),
        ("t", "plain"),
    ]
    assert below[0] == ("# why", "comment")
    assert below[-2:] == timed[-2:] == [("select", "keyword"), ("one", "plain")]
    assert ("select", "keyword") not in other
    assert [text for text, kind in continued if kind == "keyword"] == [
        "select",
        "from",
        "from",
        "import",
    ]


def test_a_long_cell_is_coloured_to_its_end(open_notebook):
    """The editor parses what is on the screen first and the rest in later steps."""
    body = "\n".join(f"select {n} as number_{n};" for n in range(600))
    notebook = open_notebook([f"%%axonsql\n{body}"])
    coloured(notebook)
    notebook.edit(0)
    notebook.page.keyboard.type("\n-- the end")
    expect(notebook.cell(0).get_by_text("-- the end")).to_be_visible()

    end = [
        ("select", "keyword"),
        ("599", "number"),
        ("as", "keyword"),
        ("number_599;", "plain"),
        ("-- the end", "comment"),
    ]
    becomes(lambda: looks(notebook.cell(0))[-5:], end)


def test_files_and_other_languages_keep_their_colours(open_notebook, jupyter):
    """Only cells of IPython know our magics: a Python or R file of the same text is untouched."""
    text = "%%axonsql\nselect * from t\n"
    (jupyter.root / "script.py").write_text(text)
    (jupyter.root / "script.r").write_text(text)
    notebook = open_notebook(["1"])
    seen = {}
    for name in ("script.py", "script.r"):
        notebook.page.evaluate(
            "async path => {"
            " await jupyterapp.commands.execute('docmanager:open', { path, factory: 'Editor' }); }",
            name,
        )
        editor = notebook.page.locator(".jp-FileEditor:visible")
        expect(editor.locator(".cm-content span").first).to_be_attached()
        if name == "script.py":
            has(editor, ("from", "keyword"))
        seen[name] = dict(looks(editor))

    assert seen["script.py"]["from"] == "keyword"
    assert seen["script.py"]["select"] == "plain"
    assert "keyword" not in seen["script.r"].values()
