"""The public names: importable, documented, and cheap to import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import axon_notebook as an

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")

#: Methods that the README shows in use, besides the public names themselves.
METHODS = {
    "client": ["axon", "axons", "create_axon", "devbox", "create_devbox", "close"],
    "axon": [
        "publish",
        "publish_many",
        "sql",
        "execute",
        "batch",
        "events",
        "subscribe",
        "update",
        "delete",
        "info",
        "id",
        "name",
    ],
    "devbox": ["run", "shutdown"],
    "execution": ["output", "wait"],
    "viewer": ["frame", "filtered", "selected", "freeze"],
}


def test_the_names_are_sorted_and_importable() -> None:
    """What `__all__` promises is there."""
    assert list(an.__all__) == sorted(an.__all__)
    assert all(getattr(an, name) is not None for name in an.__all__)


@pytest.mark.parametrize("name", [n for n in an.__all__ if not n.endswith("_extension")])
def test_the_readme_names_every_public_name(name: str) -> None:
    """A name nobody is told of is a name nobody uses."""
    assert re.search(rf"\b{name}\b", README)


@pytest.mark.parametrize(
    ("owner", "method"), [(o, m) for o, methods in METHODS.items() for m in methods]
)
def test_the_readme_shows_every_method_in_use(owner: str, method: str) -> None:
    """An example says more than a list."""
    assert re.search(rf"\b{owner}(\([^)]*\))?\.{method}\b", README)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Lazy imports must not hide typing mistakes."""
    with pytest.raises(AttributeError, match="no attribute 'Axxon'"):
        an.Axxon  # noqa: B018


@pytest.mark.parametrize("statement", ["import axon_notebook", "shell.extension_manager"])
def test_importing_and_loading_leave_the_heavy_libraries_alone(statement: str) -> None:
    """The first cell of a notebook should feel instant."""
    load = "shell.extension_manager.load_extension('axon_notebook')"
    program = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        f"{load if statement.startswith('shell') else statement}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'pandas', 'numpy', 'httpx', 'anywidget', 'ipywidgets', 'apsw'}))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"
