"""Python values as SQL values: what a JSON body can carry, exactly.

The wire is JSON, SQLite has five storage classes, Python has more of
everything.  :func:`scalar` gives the one SQL value a Python value means, as a
fragment with its parameters (bytes become ``unhex(?)``, infinities ``9e999``:
JSON has neither); :func:`elements` gives the values of a list, :func:`table`
the columns of a DataFrame.  pandas, numpy and polars are recognised by what
their objects can do and never imported.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import os
import types
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import is_dataclass
from typing import Any, Final, NamedTuple

import msgspec

__all__ = [
    "Fragment",
    "Refused",
    "TooLarge",
    "elements",
    "is_missing",
    "is_table",
    "json_text",
    "not_finite",
    "scalar",
    "table",
]

JsonScalar = None | bool | int | float | str

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MISSING: Final = ("NAType", "NaTType")
_FRAMES: Final = ("pandas", "polars", "pyarrow")


class Refused(Exception):
    """A value has no SQL form; the message completes the sentence "``name`` is …"."""


class TooLarge(Refused):
    """A table that is more than a statement can carry."""


class Fragment(NamedTuple):
    """A piece of SQL made here, and the values of its ``?``."""

    sql: str
    params: list[JsonScalar]


def scalar(value: Any, *, milliseconds: bool = False) -> Fragment:
    """Return the SQL form of one value.

    Args:
        value: ``None``, a number, text, bytes, a date or time, an Enum, UUID,
            Path or Decimal; a mapping, dataclass or struct becomes JSON text.
        milliseconds: Give moments as milliseconds since 1970 instead of as
            ``YYYY-MM-DD HH:MM:SS`` in UTC.

    Raises:
        Refused: If there is no such form.
    """
    plain = _plain(value, milliseconds)
    if isinstance(plain, bytes):
        return Fragment("unhex(?)", [plain.hex()])
    if isinstance(plain, float) and math.isinf(plain):
        return Fragment("9e999" if plain > 0 else "-9e999", [])
    return Fragment("?", [plain])


def _plain(value: Any, milliseconds: bool = False) -> JsonScalar | bytes:
    """Return *value* as one of SQLite's storage classes, of exactly that type.

    Subclasses are read by their base's own methods: what their ``__str__`` or
    ``__int__`` would say is not the value.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if _is_numpy(value):
        value = _from_numpy(value)
    match value:
        case None:
            return None
        case _ if type(value).__name__ in _MISSING:
            return None
        case bool():
            return int(value)
        case int():
            return _checked_int(int.__add__(value, 0))
        case float():
            number = float.__float__(value)
            return None if math.isnan(number) else number
        case str():
            return _checked_text(str.__str__(value))
        case bytes() | bytearray() | memoryview():
            return bytes(value)
        case dt.datetime():
            return _moment(value, milliseconds)
        case dt.date():
            return value.isoformat()
        case dt.time():
            return value.isoformat()
        case decimal.Decimal():
            return None if value.is_nan() else str(value)
        case uuid.UUID():
            return str(value)
        case os.PathLike():
            return _checked_text(os.fsdecode(value))
    if isinstance(value, Mapping | msgspec.Struct) or _is_dataclass_value(value):
        return json_text(value)
    raise Refused(_refusal(value))


def _checked_int(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise Refused(
            f"{number}, outside of SQLite's integers (-2^63 to 2^63-1): bind it as text with str()"
        )
    return number


def _checked_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused(
            f"a text with the lone surrogate U+{ord(text[error.start]):04X} at {error.start}, "
            "which is not UTF-8: encode it, or bind bytes"
        ) from None
    return text


def _moment(value: dt.datetime, milliseconds: bool) -> str | int:
    """A moment as SQLite's functions write it; without a zone it is taken as UTC."""
    aware = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    if milliseconds:
        return (aware - _EPOCH) // dt.timedelta(milliseconds=1)
    # pandas' Timestamp prints nanoseconds too.
    return aware.replace(tzinfo=None).isoformat(sep=" ")


def _is_dataclass_value(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _refusal(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        return "a function: bind what it returns, with :{name()}"
    if isinstance(value, types.ModuleType | type):
        return f"a {'module' if isinstance(value, types.ModuleType) else 'class'}, not a value"
    if is_table(value):
        return f"a {kind}: a table goes after FROM or JOIN"
    if is_many(value):
        return (
            f"a {kind}: a list goes after IN; to store it as JSON, bind :{{json.dumps(list(name))}}"
        )
    if isinstance(value, dt.timedelta):
        return "a timedelta: bind its seconds, with :{name.total_seconds()}"
    return f"of type {kind}, which SQL cannot hold: bind a number, text, bytes, date or dict"


def _is_numpy(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "dtype")


def _from_numpy(value: Any) -> Any:
    if value.shape != ():
        return value
    if value.dtype.kind == "M":
        value = value.astype("datetime64[us]")
    item = value.item()
    # A long double has no Python equal; its item() is itself.
    return float(item) if type(item) is type(value) and value.dtype.kind == "f" else item


def json_text(value: Any) -> str:
    """Return *value* as JSON text; numpy's, pandas' and other known values inside count too.

    Bytes become base64.

    Raises:
        Refused: If something inside has no JSON form; NaN and infinities have none.
    """
    try:
        text = msgspec.json.encode(value, enc_hook=_json_known).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"a {type(value).__name__} that JSON cannot hold: {error}") from None
    except Refused as refusal:
        raise Refused(
            f"a {type(value).__name__} that JSON cannot hold: something in it is {refusal}"
        ) from None
    if "null" in text and (found := not_finite(value, _json_known)):
        raise Refused(found)
    return text


def not_finite(value: Any, enc_hook: Callable[[Any], Any]) -> str | None:
    """Return what to say about the first NaN or infinity in *value*, if there is one.

    msgspec writes them as ``null``, which a reader of the event could not tell from a
    missing value.

    Args:
        value: What was encoded as JSON.
        enc_hook: As it was encoded.
    """
    found = _first_not_finite(msgspec.to_builtins(value, enc_hook=enc_hook), "")
    if found is None:
        return None
    path, number = found
    where = f" at {path.removeprefix('.')}" if path else ""
    return (
        f"{number}{where}, which JSON has no number for: write None, or a text such as '{number}'"
    )


def _first_not_finite(value: Any, path: str) -> tuple[str, float] | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else (path, float(value))
    if isinstance(value, dict):
        inside = [(f"{path}.{key}", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inside = [(f"{path}[{place}]", item) for place, item in enumerate(value)]
    else:
        return None
    return next(filter(None, (_first_not_finite(item, at) for at, item in inside)), None)


def _json_known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if is_many(value):
        return elements(value)
    return _plain(value)


def is_missing(value: Any) -> bool:
    """Whether *value* is how a DataFrame shows a missing cell: NaN, NA or NaT."""
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in _MISSING


def is_many(value: Any) -> bool:
    """Whether *value* is a list of values: what may follow ``IN``."""
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping):
        return False
    if isinstance(value, Sequence | Set):
        return True
    if is_table(value):
        return False
    one_dimension = len(getattr(value, "shape", ())) == 1
    return one_dimension or (hasattr(value, "to_pylist") and hasattr(value, "type"))


def elements(value: Any) -> list[Any]:
    """Return the members of a list, set, array, Series or Index, as Python values."""
    for method in ("tolist", "to_list", "to_pylist"):
        if callable(convert := getattr(value, method, None)) and not isinstance(value, list):
            if _is_numpy(value) and value.dtype.kind == "M":
                value = value.astype("datetime64[us]")
                return list(value.tolist())
            return list(convert())
    return list(value)


def is_table(value: Any) -> bool:
    """Whether *value* is a DataFrame or an Arrow table."""
    home = type(value).__module__.partition(".")[0]
    return home in _FRAMES and len(getattr(value, "shape", ())) == 2


def table(value: Any) -> tuple[list[str], list[list[Any]]]:
    """Return names and columns of a DataFrame, an Arrow table, or a list of mappings.

    Raises:
        Refused: If it is none of these.
    """
    if not is_table(value):
        return _table_of_mappings(value)
    home = type(value).__module__.partition(".")[0]
    if home == "pandas":
        columns: Iterable[Any] = (value.iloc[:, place] for place in range(value.shape[1]))
        return [str(name) for name in value.columns], [elements(column) for column in columns]
    if home == "polars":
        return list(value.columns), [elements(column) for column in value.get_columns()]
    return list(value.column_names), [elements(column) for column in value.columns]


def _table_of_mappings(value: Any) -> tuple[list[str], list[list[Any]]]:
    rows = elements(value) if is_many(value) else []
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise Refused(
            f"a {type(value).__name__}: after FROM or JOIN goes a DataFrame or a list of dicts"
        )
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    return names, [[row.get(name) for row in rows] for name in names]
