"""``widgets/protocol.py`` and ``js/src/kernel/protocol.ts`` say the same, in the same order."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from axon_notebook.agents.kinds import KINDS

ROOT = Path(__file__).parents[2]
PYTHON = (ROOT / "axon_notebook" / "widgets" / "protocol.py").read_text("utf-8")
TYPESCRIPT = (ROOT / "js" / "src" / "kernel" / "protocol.ts").read_text("utf-8")

# Field name, whether it may be missing, and its type in TypeScript's words.
Field = tuple[str, bool, str]


def spoken(annotation: ast.expr) -> str:
    """Say a Python annotation the way TypeScript does."""
    match annotation:
        case ast.Name(name):
            return {"str": "string", "int": "number", "float": "number", "bool": "boolean"}.get(
                name, name
            )
        case ast.Constant(None):
            return "null"
        case ast.BinOp(left, ast.BitOr(), right):
            return f"{spoken(left)} | {spoken(right)}"
        case ast.Subscript(ast.Name("list"), item):
            return f"{spoken(item)}[]"
        case ast.Subscript(ast.Name("tuple"), ast.Tuple(items)):
            return f"[{', '.join(map(spoken, items))}]"
        case ast.Subscript(ast.Name("Literal"), ast.Tuple(items)):
            return " | ".join(f'"{ast.literal_eval(item)}"' for item in items)
        case ast.Subscript(ast.Name("Literal"), ast.Constant(value)):
            return f'"{value}"'
    raise AssertionError(f"no TypeScript for {ast.unparse(annotation)}")


def python_field(node: ast.AnnAssign) -> Field:
    match node.annotation:
        case ast.Subscript(ast.Name("NotRequired"), inner):
            return (ast.unparse(node.target), True, spoken(inner))
    return (ast.unparse(node.target), False, spoken(node.annotation))


def python_shapes() -> dict[str, tuple[str, list[Field]]]:
    """Name → base and fields of every ``TypedDict``, in the order of the file."""
    shapes = {}
    for node in ast.parse(PYTHON).body:
        if isinstance(node, ast.ClassDef):
            base = ast.unparse(node.bases[0]).replace("TypedDict", "")
            fields = [python_field(item) for item in node.body if isinstance(item, ast.AnnAssign)]
            shapes[node.name] = (base, fields)
    return shapes


def python_aliases() -> dict[str, str]:
    return {
        ast.unparse(node.target): spoken(node.value)
        for node in ast.parse(PYTHON).body
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.annotation) == "TypeAlias"
        and node.value is not None
    }


def python_numbers() -> dict[str, int]:
    return {
        ast.unparse(node.target): ast.literal_eval(node.value)
        for node in ast.parse(PYTHON).body
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.annotation) == "Final"
        and node.value is not None
    }


def without_comments(code: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", code, flags=re.S)


def one_line(type_text: str) -> str:
    return re.sub(r"\s+", " ", type_text).strip().removeprefix("| ")


def typescript_shapes() -> dict[str, tuple[str, list[Field]]]:
    shapes = {}
    pattern = r"export interface (\w+)(?: extends (\w+))? \{(.*?)\n\}"
    for name, base, body in re.findall(pattern, without_comments(TYPESCRIPT), flags=re.S):
        fields = re.findall(r"(\w+)(\??):\s*([^;]+);", body)
        shapes[name] = (base, [(n, bool(q), one_line(t)) for n, q, t in fields])
    return shapes


def typescript_aliases() -> dict[str, str]:
    found = re.findall(r"export type (\w+) =([^;]+);", without_comments(TYPESCRIPT))
    return {name: one_line(text) for name, text in found}


def typescript_numbers() -> dict[str, int]:
    return {n: int(v) for n, v in re.findall(r"export const (\w+) = (\d+);", TYPESCRIPT)}


def test_both_files_have_the_same_shapes_in_the_same_order() -> None:
    """A reader with one file open knows where to look in the other."""
    assert list(python_shapes()) == list(typescript_shapes())
    assert len(python_shapes()) > 10


@pytest.mark.parametrize("name", python_shapes())
def test_a_shape_has_the_same_fields_on_both_sides(name: str) -> None:
    """A field that one side misspells is a message that the other side drops."""
    assert python_shapes()[name] == typescript_shapes()[name]


def test_aliases_and_numbers_are_the_same() -> None:
    """The sides must agree on what is in a batch and how long silence may last."""
    assert python_aliases() == typescript_aliases()
    assert python_numbers() == typescript_numbers()
    assert python_numbers()["TICK_MS"] == 50


def test_the_kinds_of_events_are_the_same() -> None:
    """What crosses is a digit: the place in this list."""
    page = (ROOT / "js" / "src" / "events" / "event-kinds.ts").read_text("utf-8")
    listed = re.search(r"export const KINDS = \[(.*?)\]", page, re.DOTALL)

    assert listed is not None
    assert tuple(re.findall(r'"(\w+)"', listed[1])) == KINDS
    assert len(KINDS) <= 10


def test_every_kind_of_message_is_in_its_union() -> None:
    """A message outside the unions would be built but never taken."""
    kinds = {n for n, (_, fields) in python_shapes().items() if any(f[0] == "kind" for f in fields)}
    aliases = python_aliases()
    unions = set(f"{aliases['KernelMessage']} | {aliases['PageMessage']}".split(" | "))

    assert kinds == unions
