"""The house has floors; imports point down (docs/architecture.md)."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "axon_notebook"

# From the ground up.  A module may import from its own floor or from one below.
FLOORS = [
    ["errors", "models", "packing", "config", "version", "visible", "closing", "filtering"],
    ["wire"],
    ["sql"],
    [
        "agents.acp",
        "agents.claude",
        "agents.timeline",
        "agents.model",
        "agents.parts",
        "agents.entry_log",
    ],
    ["local"],
    ["axon", "publishing", "execution", "devbox", "client", "dbapi", "paging"],
    ["agents"],
    ["widgets"],
    ["magics"],
    [""],
]

# The annex: whatever its height, it stands on these alone.
LOCAL_STANDS_ON = ("errors", "models", "config", "version", "wire.sse", "local")

# Threads, sleeps and waits live here and nowhere else.
WAITING = {
    "wire.retry",
    "wire.wake",
    "wire.stream",
    "wire.subscription",
    "wire.log_stream",  # two streams merged in the order of arrival need two readers
    "widgets.feed",
    "magics.status",
}

# Third parties that are named in one place only.
ONE_HOME = {"httpx": {"wire.http"}, "httpx_sse": {"wire.http"}, "pandas": {"sql.frames"}}


@functools.cache  # asked once per import
def modules() -> dict[str, Path]:
    """Dotted name inside the package → file; a package stands for its ``__init__``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(p for p in parts if p != "__init__")] = path
    return found


def floor(module: str) -> int:
    names = [(i, name) for i, names in enumerate(FLOORS) for name in names]
    fitting = [
        (len(name), i)
        for i, name in names
        if module == name or (name and module.startswith(f"{name}."))
    ]
    assert fitting, f"{module} has no floor: give it one in FLOORS"
    return max(fitting)[1]


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree, leaving out ``if TYPE_CHECKING:`` bodies."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from runtime_nodes(other)
            continue
        yield child
        yield from runtime_nodes(child)


def imports(module: str, path: Path) -> Iterator[str]:
    """Absolute dotted targets; inside the package they start with ``axon_notebook``."""
    package = ["axon_notebook", *module.split(".")] if module else ["axon_notebook"]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in runtime_nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{target}.{alias.name}"
                known = full.removeprefix("axon_notebook.") in modules()
                yield full if known and full.startswith("axon_notebook") else target


def inside(targets: Iterator[str]) -> Iterator[str]:
    for target in targets:
        if target == "axon_notebook" or target.startswith("axon_notebook."):
            yield target.removeprefix("axon_notebook").removeprefix(".")


@pytest.mark.parametrize(("module", "path"), modules().items())
def test_imports_point_down(module: str, path: Path) -> None:
    """An arrow that points up makes every reader hold the whole house in mind."""
    up = [t for t in inside(imports(module, path)) if floor(t) > floor(module)]

    assert not up, f"{module} imports from a higher floor: {up}"


def test_the_annex_stands_on_words_and_the_decoder_alone() -> None:
    """The service must run, and be read, without the client."""
    wrong = {
        (module, target)
        for module, path in modules().items()
        if module.startswith("local")
        for target in inside(imports(module, path))
        if not any(target == ok or target.startswith(f"{ok}.") for ok in LOCAL_STANDS_ON)
    }

    assert wrong == set()


def test_threads_and_waits_live_in_named_places() -> None:
    """A thread outside these files has no owner that a reader could find."""
    wrong = []
    for module, path in modules().items():
        if module in WAITING or module.startswith("local"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
                "sleep",
                "Thread",
                "Timer",
                "ThreadPoolExecutor",
            }:
                wrong.append(f"{path.name}:{node.lineno}")

    assert wrong == []


@pytest.mark.parametrize(("library", "homes"), ONE_HOME.items())
def test_a_third_party_is_named_in_one_place(library: str, homes: set[str]) -> None:
    """Changing it is then a one-file decision."""
    found = {
        module
        for module, path in modules().items()
        for target in imports(module, path)
        if target == library or target.startswith(f"{library}.")
    }

    assert found <= homes
