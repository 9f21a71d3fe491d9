"""What holds when an option is not given.

From weak to strong: the default, ``[tool.axon_notebook]`` of the nearest
``pyproject.toml``, the environment (``AXON_NOTEBOOK_LIMIT=100``),
``%config AxonMagics.limit = 100``, and the option itself.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from .options import literal, meant

__all__ = ["PREFIX", "Found", "outside_settings"]

PREFIX: Final = "AXON_NOTEBOOK_"

#: Environment variables with the same prefix that are not settings of the magics.
_OTHERS: Final = frozenset({"HOME"})


class Found(NamedTuple):
    """Settings from outside of the notebook, and what is wrong with them.

    ``source`` tells for each setting where it came from.
    """

    values: dict[str, Any]
    source: dict[str, str]
    complaints: list[str]


def outside_settings(
    names: Iterable[str], *, environ: Mapping[str, str] | None = None, start: Path | None = None
) -> Found:
    """Return the settings in *names* that the project and the environment make.

    Never fails: a file that cannot be read is a complaint.
    """
    known = list(names)
    found = Found({}, {}, [])
    _take_project(found, known, start or Path.cwd())
    for name in known:
        variable = PREFIX + name.upper()
        text = (os.environ if environ is None else environ).get(variable)
        if text is not None and variable.removeprefix(PREFIX) not in _OTHERS:
            found.values[name] = literal(text)
            found.source[name] = variable
    return found


def _take_project(found: Found, known: list[str], start: Path) -> None:
    path = _nearest(start)
    if path is None:
        return
    try:
        with path.open("rb") as file:
            table = tomllib.load(file).get("tool", {}).get("axon_notebook", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        found.complaints.append(f"{path} cannot be read: {error}")
        return
    for name, value in table.items():
        if name in known:
            found.values[name] = value
            found.source[name] = str(path)
        else:
            way_out = meant(name, known, what="settings")
            found.complaints.append(f"[tool.axon_notebook] has no setting {name}: {way_out}")


def _nearest(start: Path) -> Path | None:
    for directory in (start, *start.parents):
        path = directory / "pyproject.toml"
        if path.is_file():
            return path
    return None
