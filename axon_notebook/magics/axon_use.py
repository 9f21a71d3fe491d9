"""``%axon use``: choose an axon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import NotFound
from .command_requests import request, word
from .options import Option
from .registry import Call, Magic

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["ALIAS", "MAGICS", "choose"]

ALIAS: Final = Option("--as", "", "text", "ALIAS", "a short name for -a and use")


def choose(call: Call, axon: Axon) -> Axon:
    """Make *axon* the current one, under the alias of ``--as`` if that is given."""
    call.magics.session.use(axon, call.options.get("as"))
    if call.magics.prefetch_schema:
        call.magics.session.prefetch_schema(axon)
    return axon


def _use(call: Call) -> Any:
    name = word(call, "axon")
    return choose(call, request(call, lambda: _found(call, name)))


def _found(call: Call, name: str) -> Axon:
    session = call.magics.session
    try:
        return session.find(name, call.names)
    except NotFound:
        if not call.options.get("create") or name.startswith("axn_"):
            raise
        return session.client.create_axon(name)


MAGICS: Final = (
    Magic(
        "axon use",
        "choose an axon: id, name, alias or variable",
        _use,
        (ALIAS, Option("--create", "", "flag", "", "create it if there is none of this name")),
        arguments="AXON",
        completes="axon",
    ),
)
