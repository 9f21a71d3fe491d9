"""The structure of the package: layers without cycles, unique names, small files.

Each rule whose violations are not all gone lists them; a violation that is gone must leave the
list, so that lists only get shorter.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "axon_notebook"

# From the bottom up.  A module may import from its own layer or from one below.
LAYERS = [
    ["errors", "models", "config", "version", "visible", "closing", "filtering"],
    ["wire"],
    ["sql"],
    ["exports", "agents"],
    ["local"],
    [
        "agent_start",
        "trace_database",
        "trace_sql",
        "axon_statements",
        "agent_state",
        "progress",
        "fan_out",
        "summary_cache",
        "asking_together",
        "alignment",
        "comparison",
        "publishing",
        "event_wait",
        "live_spans",
        "compressed_files",
        "recording_file",
        "recording_saving",
        "recording_import",
        "recording_database",
        "recording",
        "replaying",
        "axon",
        "dataset_files",
        "dataset_tables",
        "dataset_compaction",
        "dataset_export",
        "dataset",
        "axon_set_trace",
        "axon_set",
        "execution",
        "devbox",
        "client",
        "dbapi",
        "paging",
    ],
    ["widgets"],
    ["magics"],
    ["command_line", ""],
]

# The embedded service imports these alone, although it stands in the middle.
LOCAL_IMPORTS = ("errors", "models", "config", "version", "wire.sse", "local")

# Threads, sleeps and waits live here and nowhere else.
WAITING = {
    "wire.retry",
    "wire.wake",
    "wire.reader",  # one thread per stream; also lets events gather for half a millisecond
    "fan_out",  # many axons are asked at once
    "replaying",  # publishes while the notebook does something else
    "widgets.replay_bar",  # looks at the replay now and then, in the kernel's event loop
    "widgets.feed",
    "widgets.joining",  # looks for new axons
    "magics.status",
}

# Third parties that are named in one place only.
NAMED_IN = {
    "httpx": {
        "wire.http",
        "wire.http_pool",
        "wire.loopback",
        "wire.otlp_post",
        "wire.transport_errors",
    },
    "httpx_sse": {"wire.http"},
    "pandas": {"sql.frames"},
}

# Modules that import each other, directly or through others.
CYCLES: list[set[str]] = []

# Module names that stand in two folders.
REPEATED_NAMES: set[str] = set()

MOST_LINES = 450
LONG_FILES: set[str] = set()

MOST_FUNCTION_LINES = 50
LONG_FUNCTIONS: set[str] = set()

# ``Any`` per 1,000 lines of the package: lower it as it falls.
MOST_ANY = 10.0


@functools.cache  # asked once per import
def modules() -> dict[str, Path]:
    """Dotted name inside the package → file; a package stands for its ``__init__``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(p for p in parts if p != "__init__")] = path
    return found


def layer(module: str) -> int:
    names = [(i, name) for i, names in enumerate(LAYERS) for name in names]
    fitting = [
        (len(name), i)
        for i, name in names
        if module == name or (name and module.startswith(f"{name}."))
    ]
    assert fitting, f"{module} is in no layer: add it to LAYERS"
    return max(fitting)[1]


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


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


def imports(
    module: str, path: Path, walk: Callable[[ast.AST], Iterator[ast.AST]] = ast.walk
) -> Iterator[str]:
    """Absolute dotted targets, type-only ones too; the package's start with ``axon_notebook``."""
    package = ["axon_notebook", *module.split(".")] if module else ["axon_notebook"]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in walk(tree(path)):
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
    """A module can be read without knowing the layers above it; a Protocol names what it needs."""
    up = [t for t in inside(imports(module, path)) if layer(t) > layer(module)]

    assert not up, f"{module} imports from a higher layer: {up}"


def test_no_module_imports_itself_through_others() -> None:
    """Also inside a layer, and for types: what is in a cycle can only be understood at once."""
    graph = {m: set(inside(imports(m, path))) for m, path in modules().items()}
    reach = {module: reachable(graph, module) for module in graph}
    cycles = {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in graph
        if module in reach[module]
    }

    assert cycles == set(map(frozenset, CYCLES))


def reachable(graph: dict[str, set[str]], module: str) -> set[str]:
    """Everything that *module* imports, directly or through others."""
    found: set[str] = set()
    new = graph[module]
    while new:
        found |= new
        new = set().union(*(graph[m] for m in new)) - found
    return found


def test_the_embedded_service_imports_models_and_the_decoder_alone() -> None:
    """The service must run, and be read, without the client."""
    wrong = {
        (module, target)
        for module, path in modules().items()
        if module.startswith("local")
        for target in inside(imports(module, path))
        if not any(target == ok or target.startswith(f"{ok}.") for ok in LOCAL_IMPORTS)
    }

    assert wrong == set()


def test_threads_and_waits_live_in_named_places() -> None:
    """A thread outside these files has no owner that a reader could find."""
    wrong = []
    for module, path in modules().items():
        if module in WAITING or module.startswith("local"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
                "sleep",
                "Thread",
                "Timer",
                "ThreadPoolExecutor",
            }:
                wrong.append(f"{path.name}:{node.lineno}")

    assert wrong == []


@pytest.mark.parametrize(("library", "places"), NAMED_IN.items())
def test_a_third_party_is_named_in_one_place(library: str, places: set[str]) -> None:
    """Changing it is then a one-file decision."""
    found = {
        module
        for module, path in modules().items()
        for target in imports(module, path, runtime_nodes)
        if target == library or target.startswith(f"{library}.")
    }

    assert found <= places


# -- names and sizes


def sources() -> list[Path]:
    """Every Python file of the repository."""
    folders = ("axon_notebook", "benchmarks", "docs", "notebooks", "tests")
    found = [REPOSITORY / "hatch_build.py"]
    found += itertools.chain.from_iterable((REPOSITORY / f).rglob("*.py") for f in folders)
    return found


def short(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def test_no_two_modules_have_the_same_name() -> None:
    """A traceback or an editor's tab shows the name alone."""
    names = Counter(path.stem for path in modules().values())
    repeated = {name for name, count in names.items() if count > 1}

    assert repeated - {"__init__", "__main__"} == REPEATED_NAMES


def test_no_file_is_long() -> None:
    """One file, one subject."""
    lengths = {short(path): len(path.read_text("utf-8").splitlines()) for path in sources()}

    assert {name for name, lines in lengths.items() if lines > MOST_LINES} == LONG_FILES


def test_no_function_is_long() -> None:
    """What does not fit on a screen is not read."""
    long = {
        f"{short(path)}::{node.name}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_FUNCTION_LINES
    }

    assert long == LONG_FUNCTIONS


def test_any_is_rare(record_property: pytest.RecordProperty) -> None:
    """Where ``Any`` stands, mypy checks nothing: wire data are structs."""
    uses = lines = 0
    for path in modules().values():
        lines += len(path.read_text("utf-8").splitlines())
        uses += sum(isinstance(n, ast.Name) and n.id == "Any" for n in ast.walk(tree(path)))
    record_property("Any per 1,000 lines", round(1000 * uses / lines, 1))

    assert 1000 * uses / lines <= MOST_ANY
