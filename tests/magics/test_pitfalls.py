"""Where SQL magics usually break: each row is a cell, run by real kernels of two generations.

The rows are the mistakes that other notebook magics were seen to make, and the
places where SQL, Python and IPython read the same characters differently.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from .test_kernel import Kernel, kernel, texts

__all__ = ["kernel"]  # the fixture is used by its name

pytestmark = pytest.mark.kernel

SETUP = (
    "%axon create pitfalls",
    "%axonsql CREATE TABLE t(id INTEGER, name TEXT, b BLOB, r REAL)",
    'name = "O\'Neil; DROP TABLE t --"\nid_ = 7\nxs = [1, 2]\nnone = []\nbig = 2**53 + 1\n'
    "huge = 2**63\nnan = float('nan')\nflag = True\npandas = 5\n"
    "import math, pandas as pd, numpy as np\nlimit = 3\nframe = pd.DataFrame({'a': [1, 2]})\n"
    "def function(): pass\n"
    "class Hostile:\n    def __str__(self): raise RuntimeError('str')\n"
    "    __repr__ = __str__\nhostile = Hostile()",
)

S = "%axonsql --to scalar "
C = "%%axonsql --to scalar\n"

#: Name of the row, cell, what it must show.
SHOWN = [
    ("shift is no assignment", S + "SELECT 1 << 3", "8"),
    ("shift in a cell", C + "SELECT 1\n << 4", "16"),
    ("arrow after options", S + """SELECT '{"a": 5}' ->> '$.a'""", "5"),
    ("minus after options", S + "SELECT -1", "-1"),
    ("comment on the line", S + "SELECT 2 -- SELECT 3", "2"),
    ("a comment is no option", C + "-- --all\nSELECT 4", "4"),
    ("doubled quotes", S + "SELECT 'it''s'", "it's"),
    ("double spaces", S + "SELECT length('a  b   c')", "8"),
    ("semicolon in a name", '%axonsql SELECT 1 AS "col;name"', "col;name"),
    ("semicolon in brackets", "%axonsql SELECT 1 AS [col;name]", "col;name"),
    ("backticks", "%axonsql SELECT 1 AS `x y`", "x y"),
    ("quotes in a comment", C + '/* it\'s "so" ; */ SELECT 6', "6"),
    ("name in a string", S + "SELECT ':name'", ":name"),
    ("time in a string", S + "SELECT '12:30'", "12:30"),
    ("name in a comment", C + "-- :nothing\nSELECT 9", "9"),
    ("name in an identifier", '%axonsql SELECT 1 AS ":id_"', ":id_"),
    ("colon in a JSON path", S + """SELECT '{"a:b": 3}' ->> '$.a:b'""", "3"),
    ("question mark in a string", S + "SELECT '?' || :id_", "?7"),
    ("a value used twice", S + "SELECT :id_ + :id_", "14"),
    ("an expression", S + "SELECT :{id_ * 2}", "14"),
    ("a value is no SQL", S + "SELECT length(:name)", "23"),
    ("list after IN", S + "SELECT 2 IN :xs", "1"),
    ("list in brackets", S + "SELECT 3 IN (:xs)", "0"),
    ("empty list", S + "SELECT 1 IN :none", "0"),
    ("a frame in FROM", S + "SELECT sum(a) FROM :frame", "3"),
    ("braces in JSON", S + """SELECT '{"a": {"b": 1}}' ->> '$.a.b'""", "1"),
    ("template marks", S + "SELECT '{% raw %}' LIKE '{%'", "1"),
    ("dollar in a path", S + """SELECT json_extract('{"id_": 2}', '$.id_')""", "2"),
    ("windows line ends", C + "SELECT\r\n 5", "5"),
    ("a trailing comment", C + "SELECT 1;\n-- done", "1"),
    ("names beyond ASCII", "%axonsql SELECT 1 AS größe", "größe"),
    ("a column called index", '%axonsql SELECT 1 AS "index", 2 AS size', "index  size"),
    ("an open comment", C + "SELECT 8 /* open", "8"),
    ("only semicolons", "%%axonsql\n;;", ""),
    ("only a comment", "%%axonsql\n-- nothing", ""),
    ("exact beyond doubles", S + "SELECT :big", "9007199254740993"),
    ("NaN is NULL", S + "SELECT :nan IS NULL", "1"),
    ("truth is a number", S + "SELECT :flag + 1", "2"),
    ("a blob comes back", S + "SELECT x'00ff'", r"b'\x00\xff'"),
    ("names twice", "%axonsql SELECT 1 AS a, 2 AS a", "a_2"),
    ("option values are not variables", "%axonsql --to pandas SELECT 11 AS eleven", "eleven"),
    (
        "values from a loop",
        "for n in xs:\n    v = %axonsql --to scalar SELECT :n * 10\n    print(v)",
        "20",
    ),
    (
        "values from a function",
        "def f(inner):\n    v = %axonsql --to scalar SELECT :inner + 1\n    return v\nf(41)",
        "42",
    ),
    ("captured", "%%capture out\n%axonsql SELECT 1", ""),
    ("timed", "%time v = %axonsql --to scalar SELECT 12\nprint(v)", "12"),
    ("a result is kept", "%axonsql SELECT 77 AS kept", "77"),
    ("and found again", "print(_['kept'].tolist())", "[77]"),
    (
        "a trigger is one statement",
        "%%axonsql\nCREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;\n"
        "INSERT INTO t(id) VALUES (1);\nSELECT count(*) AS n FROM t",
        "3 statements",
    ),
    (
        "reloaded twice",
        "%reload_ext axon_notebook\n%reload_ext axon_notebook\n%axon use pitfalls",
        "pitfalls",
    ),
    ("and still one magic", S + "SELECT 13", "13"),
]

#: Name of the row, cell, what its error must say.
REFUSED = [
    ("unknown name", "%axonsql SELECT :idd_", "id_"),
    ("mixed markers", "%axonsql SELECT ?, :id_", "?"),
    ("beyond 64 bits", "%axonsql SELECT :huge", "huge"),
    ("a function", "%axonsql SELECT :function", "function"),
    ("a module", "%axonsql SELECT :math", "math"),
    ("an object that cannot be shown", "%axonsql SELECT :hostile", "hostile"),
    ("own transactions", "%%axonsql\nBEGIN; SELECT 1; COMMIT", "transaction"),
    ("a wrong column", "%axonsql SELECT nmae FROM t", "name"),
    ("a wrong option", "%axonsql --limt 3 SELECT 1", "--limit"),
]


def test_cells_that_break_elsewhere_work(kernel: Kernel) -> None:
    """One kernel start for all; a failure names every row that is wrong."""
    kernel.run(*SETUP)
    cells = kernel.run(*(cell for _, cell, _ in SHOWN))

    wrong = [
        (name, texts(cell)[:300])
        for (name, _, wanted), cell in zip(SHOWN, cells, strict=True)
        if wanted not in texts(cell) or any(o.output_type == "error" for o in cell.outputs)
    ]
    assert wrong == []


def test_cells_that_cannot_work_fail_with_the_way_out(kernel: Kernel) -> None:
    """A real error of the cell, short, and with the word that fixes it."""
    kernel.run(*SETUP)
    cells = kernel.run(*(cell for _, cell, _ in REFUSED))

    wrong = []
    for (name, _, wanted), cell in zip(REFUSED, cells, strict=True):
        errors: list[Any] = [o for o in cell.outputs if o.output_type == "error"]
        shown = "\n".join("\n".join(error.traceback) for error in errors)
        if len(errors) != 1 or wanted not in shown or len(shown.splitlines()) > 8:
            wrong.append((name, texts(cell)[:400]))
    assert wrong == []


def test_types_and_axons_are_kept_apart(kernel: Kernel) -> None:
    """No rows keep their types, and two cells may use two axons."""
    kernel.run(*SETUP, "%axon create other --no-use", "%axonsql -a other CREATE TABLE only_here(x)")
    empty, other, here = kernel.run(
        "frame0 = %axonsql SELECT id, name, r FROM t WHERE 0\nprint(*frame0.dtypes)",
        "%axonsql -a other --to scalar SELECT count(*) FROM only_here",
        "%axonsql SELECT * FROM only_here",
    )

    text = "str" if pd.__version__ >= "3" else "object"
    assert texts(empty).strip().splitlines()[-1] == f"int64 {text} float64"
    assert texts(other).strip().endswith("0")
    assert "no such table: only_here" in texts(here)
