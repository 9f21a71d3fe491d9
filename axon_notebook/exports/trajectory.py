"""A trace as a trajectory in the Agent Trajectory Interchange Format (ATIF v1.8).

A step is a prompt, or what the agent thought, said and called until it received the results.  A
subagent is an embedded trajectory that its tool call refers to.  Plain dictionaries; the
tests validate them by the ``atif`` package.

Source: the models of the PyPI package ``atif`` 1.8.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ..agents.model import Entry, Message, Notice, Session, Tool, Turn
from ..agents.parts import Diff, Image, Link, Part, Resource, Terminal, Text

__all__ = ["SCHEMA_VERSION", "trajectory"]

SCHEMA_VERSION: Final = "ATIF-v1.8"

#: What ATIF knows of pictures.
IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

Json = dict[str, Any]


def trajectory(entries: Iterable[Entry], *, session_id: str | None = None) -> Json:
    """Return the ATIF document of *entries*.

    Cost is given where it is in US dollars; token counts stand at the last step of their turn,
    because protocols tell them per turn.
    """
    listed = list(entries)
    session = next((e for e in listed if isinstance(e, Session)), None)
    inside = {e.parent_id for e in listed if e.parent_id}
    builder = _Builder([e for e in listed if not e.parent_id], listed, inside)
    steps = builder.steps()
    document: Json = {
        "schema_version": SCHEMA_VERSION,
        "agent": _agent(session),
        "steps": steps,
        "final_metrics": _final(listed, len(steps)),
    }
    if session_id:
        document["session_id"] = session_id
    if builder.subagents:
        document["subagent_trajectories"] = builder.subagents
    return document


class _Builder:
    """Makes the steps of one level: the run itself, or one subagent."""

    def __init__(
        self, level: Sequence[Entry], everything: Sequence[Entry], inside: set[str]
    ) -> None:
        self._level = level
        self._everything = everything
        self._inside = inside
        self._steps: list[Json] = []
        self._open: Json | None = None  # the agent's step that is being added to
        self.subagents: list[Json] = []

    def steps(self) -> list[Json]:
        for entry in self._level:
            if isinstance(entry, Turn):
                self._turn(entry)
            elif isinstance(entry, Message):
                self._message(entry)
            elif isinstance(entry, Tool):
                self._tool(entry)
            elif isinstance(entry, Notice) and entry.level in ("warning", "error"):
                self._add("system", entry, entry.text)
        for turn in self._level:
            if isinstance(turn, Turn):
                self._metrics(turn)
        return self._steps

    def _turn(self, turn: Turn) -> None:
        if turn.prompt_sequence is not None or turn.text:
            self._add("user", turn, _content(turn.text, turn.parts))

    def _message(self, message: Message) -> None:
        if message.role == "user":
            self._add("user", message, _content(message.text, message.parts))
            return
        step = self._agent_step(message, new=True)
        if message.role == "thought":
            step["reasoning_content"] = step.get("reasoning_content", "") + message.text
        else:
            step["message"] = _content(message.text, message.parts)
            step["extra"]["said"] = True

    def _tool(self, tool: Tool) -> None:
        step = self._agent_step(tool, new=False)
        call = {
            "tool_call_id": tool.call_id,
            "function_name": tool.name or tool.title or tool.tool_kind or "tool",
            "arguments": _arguments(tool.input),
            "extra": _present({"title": tool.title, "kind": tool.tool_kind, "status": tool.status}),
        }
        step.setdefault("tool_calls", []).append(call)
        result: Json = {"source_call_id": tool.call_id, "content": _output(tool)}
        if tool.call_id in self._inside:
            self._subagent(tool)
            result["subagent_trajectory_ref"] = [{"trajectory_id": tool.call_id}]
        step.setdefault("observation", {"results": []})["results"].append(result)

    def _subagent(self, tool: Tool) -> None:
        level = [e for e in self._everything if e.parent_id == tool.call_id]
        builder = _Builder(level, self._everything, self._inside - {tool.call_id})
        inner: Json = {
            "schema_version": SCHEMA_VERSION,
            "trajectory_id": tool.call_id,
            "agent": {"name": tool.title or tool.name or "subagent", "version": "unknown"},
            "steps": builder.steps(),
        }
        if builder.subagents:
            inner["subagent_trajectories"] = builder.subagents
        self.subagents.append(inner)

    def _agent_step(self, entry: Entry, *, new: bool) -> Json:
        """Return the open step; a *new* message after a call or after a message opens the next."""
        step = self._open
        full = step is not None and ("tool_calls" in step or step["extra"].get("said"))
        if step is None or step["extra"]["turn_id"] != entry.turn_id or (new and full):
            step = self._add("agent", entry, "")
            self._open = step
        return step

    def _add(self, source: str, entry: Entry, message: str | list[Json]) -> Json:
        self._open = None
        step: Json = {
            "step_id": len(self._steps) + 1,
            "timestamp": _time(entry.started_ms),
            "source": source,
            "message": message,
            "extra": {"turn_id": entry.turn_id, "sequence": entry.first_sequence},
        }
        self._steps.append(step)
        return step

    def _metrics(self, turn: Turn) -> None:
        metrics = _usage(turn)
        own = [
            step
            for step in self._steps
            if step["source"] == "agent" and step["extra"]["turn_id"] == turn.turn_id
        ]
        for step in own:
            step["extra"].pop("said", None)
        if own and metrics:
            own[-1]["metrics"] = metrics


def _agent(session: Session | None) -> Json:
    if session is None:
        return {"name": "unknown", "version": "unknown"}
    agent: Json = {"name": session.agent or "unknown", "version": session.version or "unknown"}
    if session.model:
        agent["model_name"] = session.model
    return agent


def _usage(turn: Turn) -> Json:
    """Return ATIF's metrics: its prompt tokens include cached ones, ours do not."""
    usage = turn.usage
    prompt = [n for n in (usage.input, usage.cache_read, usage.cache_write) if n is not None]
    return _present(
        {
            "prompt_tokens": sum(prompt) if prompt else None,
            "completion_tokens": usage.output,
            "cached_tokens": usage.cache_read,
            "cost_usd": turn.cost if turn.currency in ("", "USD") else None,
        }
    )


def _final(entries: Iterable[Entry], steps: int) -> Json:
    found = [_usage(entry) for entry in entries if isinstance(entry, Turn)]
    total: Json = {"total_steps": steps}
    for name, own in (
        ("total_prompt_tokens", "prompt_tokens"),
        ("total_completion_tokens", "completion_tokens"),
        ("total_cached_tokens", "cached_tokens"),
        ("total_cost_usd", "cost_usd"),
    ):
        known = [metrics[own] for metrics in found if own in metrics]
        if known:
            total[name] = sum(known)
    return total


def _content(text: str, parts: Sequence[Part]) -> str | list[Json]:
    """Return text alone, or a list of parts where there is a picture."""
    images = [part for part in parts if isinstance(part, Image) and part.mime in IMAGE_TYPES]
    texts = [text, *(_part_text(part) for part in parts if part not in images)]
    whole = "\n".join(filter(None, texts))
    if not images:
        return whole
    found: list[Json] = [{"type": "text", "text": whole}] if whole else []
    for image in images:
        path = image.uri or f"data:{image.mime};base64,{image.data}"
        found.append({"type": "image", "source": {"media_type": image.mime, "path": path}})
    return found


def _output(tool: Tool) -> str | list[Json]:
    return _content(tool.error, tool.parts)


def _part_text(part: Part) -> str:
    if isinstance(part, Text | Terminal):
        return part.text
    if isinstance(part, Diff):
        return part.patch or f"--- {part.path}\n{part.old or ''}\n+++ {part.path}\n{part.new}"
    if isinstance(part, Resource):
        return part.text or part.uri
    if isinstance(part, Link):
        return part.uri
    return f"[{type(part).__name__.lower()} {getattr(part, 'mime', '')}]"


def _arguments(value: Any) -> Json:
    plain = msgspec.to_builtins(value)
    if isinstance(plain, Mapping):
        return dict(plain)
    return {} if plain is None else {"input": plain}


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _present(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value not in (None, "")}
