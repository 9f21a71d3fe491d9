"""Transcripts of the Agent Client Protocol: a registry, and events in a line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axon_notebook.models import AxonEvent

from .events import Script

Case = Callable[[Script], list[AxonEvent]]
Cases = list[tuple[str, Case, list[str]]]


def registry(cases: Cases) -> Callable[..., Callable[[Case], Case]]:
    """A decorator that takes a transcript's name and the lines it means."""

    def case(name: str, *expected: str) -> Callable[[Case], Case]:
        def keep(function: Case) -> Case:
            cases.append((name, function, list(expected)))
            return function

        return keep

    return case


def turn(s: Script, *inside: Callable[[], AxonEvent], text: str = "go") -> list[AxonEvent]:
    """A prompt, what the agent sends, its answer, with the broker's events."""
    prompt = s.prompt(text)
    found = [prompt, s.system("turn.started", turn_id=f"t{prompt.sequence}")]
    found += [make() for make in inside]
    found.append(s.agent("session/prompt", {"stopReason": "end_turn"}))
    found.append(s.system("turn.completed", turn_id=f"t{prompt.sequence}", stop_reason="end_turn"))
    return found


def chunk(s: Script, text: str, kind: str = "agent_message_chunk", **more: Any) -> AxonEvent:
    return s.update(kind, content={"type": "text", "text": text}, **more)


PNG = {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}
ALLOW = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}]
