"""Texts and cards that cells show."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ..visible import visible

if TYPE_CHECKING:
    from ..config import Settings
    from .magic_context import MagicContext

__all__ = ["Card", "Text", "greeting", "status_card"]


class Text(str):
    """A text that shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return visible(str(self), keep="\n")


class Card:
    """Names and values, as text and as a small table."""

    def __init__(self, rows: list[tuple[str, str]]) -> None:
        self.rows = [(visible(name), visible(value)) for name, value in rows]

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.rows)
        return "\n".join(f"{name:{width}}  {value}" for name, value in self.rows)

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<tr><th style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self.rows
        )
        return f"<table>{cells}</table>"


def status_card(magics: MagicContext) -> Card:
    """Return where the magics stand; asks no server and starts none."""
    session = magics.session
    settings = session.settings
    current = session.current
    rows = [("axon", f"{current.name or 'unnamed'} ({current.id})" if current else "none chosen")]
    if session.aliases:
        names = [f"{alias} = {axon.name or axon.id}" for alias, axon in session.aliases.items()]
        rows.append(("aliases", ", ".join(names)))
    rows.append(("connected to", _place(settings)))
    rows.append(("key", f"from {settings.key_source}" if settings.key_source else "none needed"))
    if session.milliseconds is not None:
        rows.append(("last request", f"{session.milliseconds:.0f} ms"))
    changed = [
        f"{name}={getattr(magics, name)!r}"
        for name in magics.trait_names(config=True)
        if getattr(magics, name) != magics.traits()[name].default_value
    ]
    if changed:
        rows.append(("settings", ", ".join(sorted(changed))))
    return Card(rows)


def _place(settings: Settings) -> str:
    if settings.base_url is None:
        return f"the embedded service, data in {settings.home}"
    return settings.base_url


def greeting(magics: MagicContext) -> str:
    """Return the one line that ``%load_ext`` says; nothing is started for it."""
    settings = magics.session.settings
    key = f", key from {settings.key_source}" if settings.key_source else ""
    return f"Axons of {_place(settings)}{key} · %axon help"
