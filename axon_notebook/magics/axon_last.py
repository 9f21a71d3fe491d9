"""``%axon last``: the last statement that was sent."""

from __future__ import annotations

from typing import Any, Final

from ..errors import ParameterError
from .registry import Call, Magic

__all__ = ["MAGICS"]


def _last(call: Call) -> Any:
    if call.magics.session.last is None:
        raise ParameterError("nothing was sent yet: run a %axonsql first")
    return call.magics.session.last


MAGICS: Final = (Magic("axon last", "the last statement that was sent", _last, most=0),)
