"""Which questions are answered without a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..errors import AgentError
from .model import Question
from .replies import Reply, choose_once

__all__ = ["Decision", "Permissions", "policy_of"]

#: What a callback may answer: see :meth:`.session.AgentSession.answer`; ``None`` leaves it open.
Decision = object
Permissions = Literal["ask", "allow", "reject"] | Callable[[Question], Decision]


def policy_of(permissions: Permissions) -> Callable[[Question], Reply | None]:
    """Return a function from a question to the reply that needs no person, or to ``None``.

    A policy answers requests for permission alone, for this one call, and stores no rule.

    Raises:
        AgentError: *permissions* is not valid.
    """
    if permissions in ("allow", "reject"):
        kind = str(permissions)

        def reply(question: Question) -> Reply | None:
            if question.question_kind != "permission":
                return None
            option = choose_once(question, kind)
            return Reply("choose", option) if option is not None else None

        return reply
    if permissions != "ask" and not callable(permissions):
        raise AgentError(
            f"permissions {permissions!r} is not one of 'ask', 'allow', 'reject', or a function"
        )
    return lambda question: None
