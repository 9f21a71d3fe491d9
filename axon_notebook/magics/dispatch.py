"""From a line of IPython to a :class:`~axon_notebook.magics.registry.Call`."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from .options import Parsed, checked_name, first_word, meant, scan, words_of
from .registry import Call, Magic, sub_commands

if TYPE_CHECKING:
    from .magic_context import MagicContext

__all__ = ["DEFAULT", "run_cell_magic", "run_sub_command"]

#: What ``%axon`` alone means.
DEFAULT: Final = "status"


def run_cell_magic(
    magics: MagicContext, magic: Magic, line: str, cell: str | None, local: Mapping[str, Any] | None
) -> Any:
    """Run a magic that has a line and, as a cell magic, a body."""
    parsed = scan(line, magic.options, f"%{magic.name}")
    with magics.errors_of(parsed):
        names = ChainMap(dict(local or {}), magics.namespace)
        call = Call(magics, [], parsed.values, names, parsed.rest, cell, parsed.name)
        return magic.run(call)


def run_sub_command(magics: MagicContext, line: str, local: Mapping[str, Any] | None) -> Any:
    """Run ``%axon NAME …``; return an object, never only print."""
    parsed = scan(line, (), "%axon")
    name, _, rest = parsed.rest.strip().partition(" ")
    commands = sub_commands()
    magic = commands.get(name or DEFAULT)
    if magic is None:
        way_out = meant(name, commands, what="sub-commands")
        raise ParameterError(f"%axon has no sub-command {name}: {way_out}")
    parsed = scan(rest, magic.options, f"%{magic.name}") if magic.raw else _scan(rest, magic)
    with magics.errors_of(parsed):
        names = ChainMap(dict(local or {}), magics.namespace)
        words = [] if magic.raw else words_of(parsed.rest)
        if len(words) > magic.most:
            extra = words[magic.most]
            raise ParameterError(f"%{magic.name} does not take {extra}: {magic.usage}")
        value = magic.run(Call(magics, words, parsed.values, names, parsed.rest))
    out = parsed.values.get("out")
    if out:
        magics.namespace[checked_name(out)] = value
    return value


def _scan(rest: str, magic: Magic) -> Parsed:
    """Read options before, between and after the words."""
    values: dict[str, Any] = {}
    words: list[str] = []
    while True:
        parsed = scan(rest, magic.options, f"%{magic.name}")
        values |= parsed.values
        if not parsed.rest.strip():
            return Parsed(values, None, " ".join(words))
        word = first_word(parsed.rest)
        words.append(word)
        rest = parsed.rest.lstrip()[len(word) :]
