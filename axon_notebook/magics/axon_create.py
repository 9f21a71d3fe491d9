"""``%axon create``: a new axon."""

from __future__ import annotations

from typing import Any, Final

from .axon_use import ALIAS, choose
from .command_requests import request
from .options import Option
from .registry import Call, Magic

__all__ = ["MAGICS"]


def _create(call: Call) -> Any:
    session = call.magics.session
    name = call.words[0] if call.words else None
    metadata = {k: str(v) for k, v in call.options.get("meta", {}).items()}
    axon = request(call, lambda: session.client.create_axon(name, metadata=metadata or None))
    return axon if call.options.get("no_use") else choose(call, axon)


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
