"""What the sub-commands that ask the server share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import ParameterError
from .options import Option
from .registry import Call
from .status import StatusLine, in_thread

__all__ = ["LIMIT", "request", "word"]

T = TypeVar("T")

LIMIT: Final = Option("--limit", "-n", "integer", "N", "at most N (20)")


def request(call: Call, work: Callable[[], T]) -> T:
    """Run a request in a worker thread, without a line at the end."""
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    result = in_thread(work, line)
    line.clear()
    return result


def word(call: Call, what: str) -> str:
    """Return the sub-command's word.

    Raises:
        ParameterError: If there is none.
    """
    if not call.words:
        raise ParameterError(f"which {what}? give its name")
    return call.words[0]
