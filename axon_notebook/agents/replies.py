"""Answers to questions, checked before anything is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import AgentError
from .model import Question
from .parts import Field, Option
from .untrusted import Fields

__all__ = ["Reply", "choose", "choose_once", "reply_to"]


class Reply(msgspec.Struct, frozen=True):
    """What a question is answered with.

    ``action`` is ``choose`` (``option`` of a permission, a plan or an address), ``accept``
    (``values`` by field id), ``decline``, or ``cancel`` (there will be no answer).
    """

    action: str
    option: Option | None = None
    values: Fields = {}


def choose(question: Question, kind: str) -> Option | None:
    """Return the question's option of this kind (``allow``, ``reject``), once before always."""
    fitting = [option for option in question.options if option.kind.startswith(kind)]
    return min(fitting, key=lambda option: option.kind.endswith("always"), default=None)


def choose_once(question: Question, kind: str) -> Option | None:
    """Return the option of this kind that stores no rule."""
    option = choose(question, kind)
    return option if option is not None and not option.kind.endswith("always") else None


def reply_to(question: Question, value: object, *, confirm_secrets: bool = False) -> Reply:
    """Return the reply that *value* means.

    Args:
        question: The question.
        value: An option, its id or its name; ``True`` and ``False`` for yes and no; values by
            field id, or the value itself if there is one field; ``None`` cancels.
        confirm_secrets: Publish the values of secret fields, as durable events.

    Raises:
        AgentError: It is not a valid answer.
    """
    if value is None:
        return Reply("cancel")
    if isinstance(value, Option):
        return Reply("choose", value)
    if question.question_kind in ("form", "choice"):
        if value is False:
            return Reply("decline", choose(question, "reject"))
        return Reply("accept", values=_values(question, value, confirm_secrets))
    if isinstance(value, bool):
        return _yes_or_no(question, value)
    for option in question.options:
        if value in (option.id, option.name):
            return Reply("choose", option)
    if question.question_kind == "url" and value in ("accept", "decline", "cancel"):
        return Reply(value)
    names = ", ".join(option.id for option in question.options)
    raise AgentError(f"{value!r} is not an option of {question.title!r}: expected one of {names}")


def _yes_or_no(question: Question, value: bool) -> Reply:
    if question.question_kind == "url":
        return Reply("accept" if value else "decline")
    option = choose(question, "allow" if value else "reject")
    if option is None and value:
        names = ", ".join(option.id for option in question.options) or "none"
        raise AgentError(
            f"{question.title!r} has no option that allows it: its options are {names}"
        )
    return Reply("choose", option) if option is not None else Reply("cancel")


def _values(question: Question, value: object, confirm_secrets: bool) -> Fields:
    fields = {field.id: field for field in question.fields}
    if not isinstance(value, Mapping):
        if len(fields) != 1:
            names = ", ".join(map(repr, fields)) or "none"
            raise AgentError(
                f"expected a mapping with values for the fields {names}, got {value!r}"
            )
        value = {next(iter(fields)): value}
    if unknown := [name for name in value if name not in fields]:
        names = ", ".join(map(repr, fields))
        raise AgentError(f"{unknown[0]!r} is not a field of {question.title!r}: it has {names}")
    missing = [f.id for f in question.fields if f.required and value.get(f.id) in (None, "", [])]
    if missing:
        raise AgentError(f"the field {missing[0]!r} of {question.title!r} needs a value")
    secrets = [name for name in value if fields[name].secret]
    if secrets and not confirm_secrets:
        raise AgentError(
            f"the field {secrets[0]!r} is secret, and an answer is a durable event that every"
            " reader of the axon sees: pass confirm_secrets=True if that is acceptable"
        )
    return {name: _checked(fields[name], given) for name, given in value.items()}


def _checked(field: Field, value: object) -> Any:
    known = {choice.label: choice.value for choice in field.choices}
    known |= {choice.value: choice.value for choice in field.choices}
    match field.type:
        case "boolean" if not isinstance(value, bool):
            raise _invalid(field, value, "True or False")
        case "integer" if isinstance(value, bool) or not isinstance(value, int):
            raise _invalid(field, value, "an integer")
        case "number" if isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(field, value, "a number")
        case "choice":
            return _chosen(field, value, known)
        case "choices":
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, list | tuple | set):
                raise _invalid(field, value, "a list")
            chosen = [_chosen(field, item, known) for item in values]
            _check_size(field, len(chosen), value, "choices")
            return chosen
        case "string" if not isinstance(value, str):
            raise _invalid(field, value, "a text")
    if isinstance(value, str):
        _check_size(field, len(value), value, "characters")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_size(field, value, value, "")
    return value


def _chosen(field: Field, value: object, known: dict[str, str]) -> str:
    if isinstance(value, str) and (value in known or field.free_text):
        return known.get(value, value)
    raise _invalid(field, value, f"one of {', '.join(c.value for c in field.choices)}")


def _check_size(field: Field, size: float, value: object, unit: str) -> None:
    if field.minimum is not None and size < field.minimum:
        raise _invalid(field, value, f"at least {field.minimum:g} {unit}".rstrip())
    if field.maximum is not None and size > field.maximum:
        raise _invalid(field, value, f"at most {field.maximum:g} {unit}".rstrip())


def _invalid(field: Field, value: object, expected: str) -> AgentError:
    shown = "the given value" if field.secret else repr(value)
    return AgentError(f"{shown} is not valid for the field {field.id!r}: expected {expected}")
