"""Questions of an agent, put to the person at a terminal."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Any

from ..visible import visible

if TYPE_CHECKING:
    from ..agents.model import Question
    from ..agents.parts import Field

__all__ = ["ask"]


def ask(question: Question) -> tuple[object, bool]:
    """Ask at the terminal; return the answer, and whether secrets in it may be published.

    ``False`` declines.  What is typed for a choice is its number or its label.
    """
    if question.text and question.text != question.title:
        _say(f"\n{visible(question.text, keep=chr(10))}")
    if question.question_kind in ("form", "choice"):
        return _values(question)
    if question.question_kind == "url":
        _say(f"\n{visible(question.title)}\n{visible(question.url)}")
        return not input("Press Enter when that is done, or type n to decline: ").strip(), False
    return _option(question), False


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _option(question: Question) -> object:
    """Yes, no, or the number of an option."""
    permission = question.question_kind == "permission"
    title = f"Allow {visible(question.title)}?" if permission else visible(question.title)
    more = [option for option in question.options if not option.kind.endswith("_once")]
    for number, option in enumerate(more, 1):
        stored = f" ({visible(option.stored)})" if option.stored else ""
        _say(f"  {number}: {visible(option.name)}{stored}")
    numbers = "".join(f"/{number}" for number in range(1, len(more) + 1))
    answer = input(f"\n{title} [y/N{numbers}] ").strip().lower()
    if answer.isdecimal() and 1 <= int(answer) <= len(more):
        return more[int(answer) - 1].id
    return answer in ("y", "yes")


def _values(question: Question) -> tuple[object, bool]:
    _say(f"\n{visible(question.title)} (an empty line leaves a field out)")
    values: dict[str, object] = {}
    confirmed = False
    for field in question.fields:
        if field.secret and not confirmed:
            confirmed = _confirms()
            if not confirmed:
                return False, False
        value = _value(field)
        if value is not None:
            values[field.id] = value
    return values, confirmed


def _confirms() -> bool:
    _say("A secret that is typed here becomes an event, which every reader of the axon can see.")
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _value(field: Field) -> Any:
    title = visible(field.title or field.id)
    if field.description:
        _say(f"  {visible(field.description)}")
    for number, choice in enumerate(field.choices, 1):
        about = f": {visible(choice.description)}" if choice.description else ""
        _say(f"  {number}: {visible(choice.label or choice.value)}{about}")
    hint = " (several: 1,2)" if field.type == "choices" else ""
    default = f" [{visible(str(field.default))}]" if field.default is not None else ""
    asked = getpass.getpass if field.secret else input
    typed = asked(f"{title}{hint}{default}: ").strip()
    if not typed:
        return field.default
    match field.type:
        case "boolean":
            return typed.lower() in ("y", "yes", "true", "1")
        case "integer" | "number":
            return _number(typed)
        case "choice":
            return _chosen(field, typed)
        case "choices":
            return [_chosen(field, part.strip()) for part in typed.split(",") if part.strip()]
    return typed


def _number(typed: str) -> object:
    """The number, or what was typed: the session says what is wrong with it."""
    try:
        return int(typed)
    except ValueError:
        pass
    try:
        return float(typed)
    except ValueError:
        return typed


def _chosen(field: Field, typed: str) -> str:
    if typed.isdecimal() and 1 <= int(typed) <= len(field.choices):
        return field.choices[int(typed) - 1].value
    return typed
