"""DataFrames of untrusted text, shown: no cell commands the terminal that shows it.

pandas prints control characters as they are, and so a payload could set the title of
a terminal or write to its clipboard.  While the extension is loaded they show as ``�``
in every DataFrame, Series and table; in pandas' that come from an axon (they have
``attrs["axon"]``), what turns or hides text around it is shown as well.  The values
themselves are never changed.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..visible import visible

__all__ = ["install", "remove"]

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: Modules as the classes themselves name them (pandas 3, pandas 2, the other forms of a
#: result); nothing has to be imported for this.
_TYPES: Final = (
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.series", "Series"),
    ("polars.dataframe.frame", "DataFrame"),
    ("pyarrow.lib", "Table"),
)


def install(shell: Any) -> None:
    """Show DataFrames so in *shell*; an existing formatter stays."""
    formatters = shell.display_formatter.formatters
    for mime, show in (("text/plain", _plain), ("text/html", _html)):
        for module, name in _TYPES:
            if formatters[mime].for_type_by_name(module, name) is None:
                formatters[mime].for_type_by_name(module, name, show)


def remove(shell: Any) -> None:
    """Take back what :func:`install` set up."""
    formatters = shell.display_formatter.formatters
    for mime, show in (("text/plain", _plain), ("text/html", _html)):
        for module, name in _TYPES:
            if formatters[mime].for_type_by_name(module, name) is show:
                formatters[mime].pop(f"{module}.{name}")


def _plain(frame: Any, printer: Any, cycle: bool) -> None:
    with printer.group():
        for number, line in enumerate(_shown(frame, repr(frame)).split("\n")):
            if number:
                printer.break_()
            printer.text(line)


def _html(frame: Any) -> str | None:
    make = getattr(frame, "_repr_html_", None)  # a Series has none
    text = make() if make is not None else None
    return None if text is None else _shown(frame, text)


def _shown(frame: Any, text: str) -> str:
    if "axon" in getattr(frame, "attrs", ()):
        return visible(text, keep="\n")
    return _CONTROLS.sub("�", text)
