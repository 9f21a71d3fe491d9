"""``%axon``: which axon, what it holds, what there is.

Each sub-command is an object in :data:`COMMANDS`; more are added with
:func:`register`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import ParameterError
from .options import Option, Parsed, checked_name, describe, first_word, meant, scan, words_of

if TYPE_CHECKING:
    from ..axon import Axon
    from .shell import AxonMagics

__all__ = ["COMMANDS", "Call", "Command", "help_text", "register", "run_axon"]


class Call(NamedTuple):
    """One call of a sub-command.

    Attributes:
        magics: The magics, with the session and the settings.
        words: What stands on the line besides options.
        options: By :attr:`~axon_notebook.magics.options.Option.key`.
        names: The user's variables, the local ones first.
        text: The line after the options, as written.
    """

    magics: AxonMagics
    words: list[str]
    options: Mapping[str, Any]
    names: Mapping[str, Any]
    text: str

    def axon(self, name: str | None = None) -> Axon:
        """Return the axon that is meant: *name*, ``-a``, or the current one."""
        wanted = name or self.options.get("axon")
        return self.magics.session.axon(wanted, self.names, self.magics.axon)


class Command(NamedTuple):
    """A sub-command: ``%axon name arguments``.

    ``run`` gets the :class:`Call` and returns what the cell shows.
    """

    name: str
    arguments: str
    help: str
    options: tuple[Option, ...]
    run: Callable[[Call], Any]
    most: int = 1  # words it takes
    raw: bool = False  # what follows the options is one text, whatever it looks like


COMMANDS: Final[dict[str, Command]] = {}


def register(command: Command) -> None:
    """Add a sub-command, or replace the one of its name."""
    COMMANDS[command.name] = command


def run_axon(magics: AxonMagics, line: str, local: Mapping[str, Any] | None) -> Any:
    """Run the magic; return an object, never only print."""
    parsed = scan(line, (), "%axon")
    name, _, rest = parsed.rest.strip().partition(" ")
    # Loaded here, because the commands need this module.
    from . import commands

    command = COMMANDS.get(name or commands.DEFAULT)
    if command is None:
        way_out = meant(name, COMMANDS, what="sub-commands")
        raise ParameterError(f"%axon has no sub-command {name}: {way_out}")
    parsed = scan(rest, command.options, f"%axon {name}") if command.raw else _scan(rest, command)
    with magics.errors_of(parsed):
        names = ChainMap(dict(local or {}), magics.namespace)
        words = [] if command.raw else words_of(parsed.rest)
        if len(words) > command.most:
            extra = words[command.most]
            raise ParameterError(f"%axon {command.name} does not take {extra}: {_usage(command)}")
        value = command.run(Call(magics, words, parsed.values, names, parsed.rest))
    out = parsed.values.get("out")
    if out:
        magics.namespace[checked_name(out)] = value
    return value


def _scan(rest: str, command: Command) -> Parsed:
    """Read options before, between and after the words."""
    values: dict[str, Any] = {}
    words: list[str] = []
    while True:
        parsed = scan(rest, command.options, f"%axon {command.name}")
        values |= parsed.values
        if not parsed.rest.strip():
            return Parsed(values, None, " ".join(words))
        word = first_word(parsed.rest)
        words.append(word)
        rest = parsed.rest.lstrip()[len(word) :]


def _usage(command: Command) -> str:
    return f"%axon {command.name} {command.arguments}".strip()


def help_text(name: str | None = None) -> str:
    """Return the help of one sub-command, or of all.

    Raises:
        ParameterError: If there is no such sub-command.
    """
    from . import commands

    if name is None:
        return commands.overview()
    if name in commands.MAGIC_HELP:
        return commands.MAGIC_HELP[name]
    command = COMMANDS.get(name)
    if command is None:
        way_out = meant(name, [*COMMANDS, *commands.MAGIC_HELP], what="topics")
        raise ParameterError(f"no help about {name}: {way_out}")
    lines = [_usage(command), "", f"  {command.help}"]
    if command.options:
        lines += ["", describe(command.options)]
    return "\n".join(lines)
