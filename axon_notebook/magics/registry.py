"""The table of all magics: one file per magic, ``axon*.py``, each with a ``MAGICS``.

IPython's registration, help, completion, input transformations, the lexers of the prompt,
the highlighting in JupyterLab and the documentation's test all read this table.  To add a
magic, add its file and its documentation.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from ..errors import ParameterError
from .options import Option, describe, meant

if TYPE_CHECKING:
    from ..axon import Axon
    from .magic_context import MagicContext

__all__ = [
    "AXON",
    "OUT",
    "Call",
    "Language",
    "Magic",
    "cell_magics",
    "help_text",
    "magics",
    "overview",
    "register",
    "sub_commands",
]

#: What the body of a cell is written in.
Language = Literal["sql", "json", "shell", "text"]

# Options that many magics have.
AXON: Final = Option("--axon", "-a", "text", "AXON", "another axon than the current one", "axon")
OUT: Final = Option("--out", "-o", "text", "NAME", "store the result in NAME too", "variable")


class Call(NamedTuple):
    """One call of a magic.

    Attributes:
        magics: The magics, with the session and the settings.
        words: What stands on the line besides options; only for sub-commands.
        options: The options given, by :attr:`~axon_notebook.magics.options.Option.key`.
        names: The user's variables, the local ones first.
        text: The line after the options, as written.
        body: The cell below the line; ``None`` for a line magic.
        name: The variable of ``name <<``.
    """

    magics: MagicContext
    words: list[str]
    options: dict[str, Any]
    names: ChainMap[str, Any]
    text: str
    body: str | None = None
    name: str | None = None

    def axon(self, name: str | None = None) -> Axon:
        """Return *name*, or the axon of ``-a``, or the current one."""
        wanted = name or self.options.get("axon")
        return self.magics.session.axon(wanted, self.names, self.magics.axon)

    def script(self, what: str) -> str:
        """Return the cell's body, or the text of the line where there is no cell.

        Args:
            what: What the body is, for the error: ``"command"``.

        Raises:
            ParameterError: If both are given.
        """
        if self.body is None:
            return self.text.strip()
        if self.text.strip():
            raise ParameterError(
                f"the line of a cell takes options only, got {self.text.strip()!r}: "
                f"write the {what} into the cell"
            )
        return self.body


class Magic(NamedTuple):
    """A magic, or a sub-command of ``%axon``.

    Attributes:
        name: ``"axonsql"``, or ``"axon use"`` for a sub-command.
        summary: One line for the overview.
        run: Gets the :class:`Call`; what it returns is what the cell shows.
        options: As the line takes them.
        language: Of the cell's body; ``None``: a line magic only.
        arguments: How the help writes the words after the name.
        completes: What these words are: ``axon``, ``table``, ``variable``, ``topic``.
        most: The number of words a sub-command takes at most.
        raw: What follows a sub-command's options is one text and not split into words.
        description: Examples and details, shown by the help above the options.
    """

    name: str
    summary: str
    run: Callable[[Call], Any]
    options: tuple[Option, ...] = ()
    language: Language | None = None
    arguments: str = ""
    completes: str = ""
    most: int = 1
    raw: bool = False
    description: str = ""

    @property
    def usage(self) -> str:
        """How the magic is written."""
        cell = "" if self.language is None else f"%%{self.name} or "
        return f"{cell}%{self.name} {self.arguments}".rstrip()


@functools.cache
def magics() -> dict[str, Magic]:
    """Return all magics by name, in alphabetical order."""
    found: list[Magic] = []
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name.startswith("axon"):
            found += importlib.import_module(f"{package}.{module.name}").MAGICS
    return {magic.name: magic for magic in sorted(found, key=lambda magic: magic.name)}


def register(magic: Magic) -> None:
    """Add a magic, or replace the one of its name.

    A sub-command can be used at once, a cell magic from the next ``%load_ext`` on.
    """
    magics()[magic.name] = magic


def sub_commands() -> dict[str, Magic]:
    """Return the sub-commands of ``%axon`` by their name without ``axon``."""
    return {name.removeprefix("axon "): magic for name, magic in magics().items() if " " in name}


def cell_magics() -> dict[str, Magic]:
    """Return the magics that cells can begin with; each is a line magic as well."""
    return {name: magic for name, magic in magics().items() if magic.language is not None}


def help_text(name: str | None = None) -> str:
    """Return the help of one magic or sub-command, or the overview.

    Raises:
        ParameterError: If there is no such magic.
    """
    if not name:
        return overview()
    topics: Mapping[str, Magic] = {**cell_magics(), **sub_commands()}
    magic = topics.get(name)
    if magic is None:
        raise ParameterError(f"no help about {name}: {meant(name, topics, what='topics')}")
    description = magic.description.strip("\n") or f"  {magic.summary}"
    parts = [description] if magic.description else [magic.usage, description]
    if magic.options:
        parts += ["Options::" if magic.description else "", describe(magic.options)]
    return "\n\n".join(filter(None, parts))


def overview() -> str:
    """Return the help that ``%axon help`` shows: examples, magics, sub-commands, options."""
    lines = [
        "Choose an axon, look at it, and work with it in cells.",
        "",
        "    %axon create orders",
        "    %axon_publish deploy service=api",
        "    %axonsql SELECT * FROM events",
        "    %axon use orders --as o",
        "",
    ]
    for name, magic in cell_magics().items():
        lines.append(f"  {'%%' + name:38} {magic.summary}; %axon help {name}")
    for magic in sub_commands().values():
        lines.append(f"  {magic.usage:38} {magic.summary}")
        if magic.options:
            lines += [f"      {line.strip()}" for line in describe(magic.options).split("\n")]
    lines += ["", "%config AxonMagics shows and changes what holds without options."]
    return "\n".join(lines)
