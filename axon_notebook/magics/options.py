"""The options of a magic's line, split by a scan of our own.

The rest of the line is SQL or JSON and arrives byte for byte: quotes, double
spaces, ``->``, ``<<`` and ``-1`` are not options.  Shell splitting would
collapse them.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, NoReturn

from ..errors import ParameterError

__all__ = [
    "Option",
    "Parsed",
    "checked_name",
    "describe",
    "first_word",
    "literal",
    "meant",
    "scan",
    "words_of",
]

OptionKind = Literal["flag", "text", "texts", "integer", "number", "names", "pairs", "maybe names"]

_ASSIGNMENT: Final = re.compile(r"([^\W\d]\w*)[ \t]*<<(?=[ \t]|$)")
_OPTION: Final = re.compile(r"--?[A-Za-z][\w-]*")
# A word ends at a blank outside of quotes.
_WORD: Final = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+""")


class Option(NamedTuple):
    """One option: how it is written, what it takes, what it does.

    ``pairs`` is ``name=value`` and may be repeated, as ``texts`` may; ``names`` is a list with
    commas, ``maybe names`` a flag that may be given names with ``=``.
    ``completes`` says what its value can be: the words themselves, or one of ``axon``,
    ``column``, ``file``, ``sql file``, ``table`` and ``variable``.
    """

    long: str
    short: str
    kind: OptionKind
    metavar: str
    help: str
    completes: str | tuple[str, ...] = ""

    @property
    def key(self) -> str:
        """Its name in :attr:`Parsed.values`."""
        return self.long.lstrip("-").replace("-", "_")

    @property
    def written(self) -> str:
        """Its forms, as help shows them."""
        forms = ", ".join(filter(None, (self.short, self.long)))
        if self.kind == "maybe names":
            return f"{forms}[={self.metavar}]"
        return f"{forms} {self.metavar}" if self.metavar else forms


class Parsed(NamedTuple):
    """A line, split.

    Attributes:
        values: By :attr:`Option.key`; an option that was not given is missing.
        name: The variable of ``name <<``.
        rest: What follows the options, untouched.
    """

    values: dict[str, Any]
    name: str | None
    rest: str


def scan(line: str, options: Sequence[Option], magic: str) -> Parsed:
    """Split *line* into options, ``name <<`` and the rest.

    Raises:
        ParameterError: For an unknown option, a missing or wrong value.
    """
    known = {form: option for option in options for form in (option.long, option.short) if form}
    values: dict[str, Any] = {}
    name: str | None = None
    position = 0
    while True:
        position += len(line[position:]) - len(line[position:].lstrip(" \t"))
        assignment = _ASSIGNMENT.match(line, position)
        written = _OPTION.match(line, position)
        if assignment and name is None:
            name, position = checked_name(assignment[1]), assignment.end()
        elif written:
            option, value, position = _option(line, written, known, magic)
            _store(values, option, value)
        else:
            return Parsed(values, name, line[position:])


def _option(
    line: str, written: re.Match[str], known: Mapping[str, Option], magic: str
) -> tuple[Option, str | None, int]:
    """Return the option at *written*, its value and where the scan goes on."""
    form, end = written[0], written.end()
    if form not in known and not form.startswith("--") and form[:2] in known:
        form, end = form[:2], written.start() + 2  # -n5
    option = known.get(form) or _unknown(form, known, magic)
    if line[end : end + 1] == "=":
        if option.kind == "flag":
            raise ParameterError(f"{form} takes no value: write {form} alone")
        word = _WORD.match(line, end + 1)
        return option, _unquoted(word[0]) if word else "", word.end() if word else end + 1
    if option.kind in ("flag", "maybe names"):
        return option, None, end
    word = _WORD.match(line, end + len(line[end:]) - len(line[end:].lstrip(" \t")))
    if word is None:
        raise ParameterError(f"{form} needs a value: {option.written}")
    return option, _unquoted(word[0]), word.end()


def _unknown(form: str, known: Iterable[str], magic: str) -> NoReturn:
    close = difflib.get_close_matches(form, list(known), n=1, cutoff=0.5)
    way_out = f"did you mean {close[0]}?" if close else f"{magic}? lists them"
    raise ParameterError(f"{magic} has no option {form}: {way_out}")


def _unquoted(word: str) -> str:
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word


def _store(values: dict[str, Any], option: Option, text: str | None) -> None:
    if option.kind == "pairs":
        name, equals, value = (text or "").partition("=")
        if not equals or not name:
            raise ParameterError(f"{option.long} takes {option.metavar}, got {text}")
        values.setdefault(option.key, {})[name] = literal(value)
    elif option.kind == "texts":
        values.setdefault(option.key, []).append(text)
    else:
        values[option.key] = _value(option, text)


def _value(option: Option, text: str | None) -> Any:
    if text is None:
        return True
    if option.kind in ("names", "maybe names"):
        return [name.strip() for name in text.split(",") if name.strip()]
    if option.kind in ("integer", "number"):
        try:
            number = float(text) if option.kind == "number" else int(text)
        except ValueError:
            number = -1
        if number < 0:
            wanted = "a number of seconds" if option.kind == "number" else "a whole number"
            raise ParameterError(f"{option.long} takes {wanted}, got {text}")
        return number
    return text


def literal(text: str) -> Any:
    """Return the Python or JSON literal *text* stands for, or the text itself."""
    named = {"true": True, "false": False, "null": None}
    if text in named:
        return named[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def checked_name(name: str) -> str:
    """Return *name* if a variable can have it.

    Raises:
        ParameterError: If it is not an identifier, or a keyword of Python.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ParameterError(f"{name!r} is not a valid variable name: use letters, digits and _")
    return name


def first_word(text: str) -> str:
    """Return the first word of *text* as written, quotes included."""
    match = _WORD.search(text)
    return match[0] if match else text.strip()


def words_of(text: str) -> list[str]:
    """Split *text* at blanks, outside of quotes."""
    return [_unquoted(match[0]) for match in _WORD.finditer(text)]


def meant(name: str, known: Iterable[str], *, what: str) -> str:
    """Return the end of a message about an unknown *name*: a suggestion, or what there is."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return f"{what}: {', '.join(names)}" if names else f"there are no {what}"


def describe(options: Iterable[Option]) -> str:
    """Return the lines that help shows, one per option."""
    lines = [(option.written, option.help) for option in options]
    width = max(len(written) for written, _ in lines)
    return "\n".join(f"  {written:{width}}  {text}" for written, text in lines)
