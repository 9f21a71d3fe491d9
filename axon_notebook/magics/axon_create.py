"""``%axon create``: a new axon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .axon_use import ALIAS, choose
from .command_requests import request
from .options import Option
from .registry import Call, Magic
from .status import StatusLine

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["MAGICS"]


def _create(call: Call) -> Any:
    session = call.magics.session
    name = call.words[0] if call.words else None
    metadata = {k: str(v) for k, v in call.options.get("meta", {}).items()}
    client = session.client
    older = request(call, lambda: _named(client, name)) if name else []
    axon = request(call, lambda: client.create_axon(name, metadata=metadata or None))
    if older:
        status = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
        count = "an axon" if len(older) == 1 else f"{len(older)} axons"
        status.done(
            f"⚠ {count} named {name} already existed ({', '.join(older[:3])}); "
            f"this is a new one, {axon.id} · %axon use {name} --create takes the existing one"
        )
    return axon if call.options.get("no_use") else choose(call, axon)


def _named(client: Client, name: str) -> list[str]:
    """Return the ids of the axons with exactly this name."""
    listed = client.axons(name, limit=100)
    return [str(i) for i in listed.loc[listed["name"] == name, "id"]]


MAGICS: Final = (
    Magic(
        "axon create",
        "create an axon and use it",
        _create,
        (
            Option("--meta", "", "pairs", "KEY=VALUE", "metadata; may be repeated"),
            ALIAS,
            Option("--no-use", "", "flag", "", "do not make it the current axon"),
        ),
        arguments="[NAME]",
    ),
)
