"""Claude's todo lists: calls that only keep one are shown as a plan.

Source: the types of Claude Code's SDK (0.3.332) and runs of Claude Code 2.1.332.
"""

from __future__ import annotations

import re
from typing import Final

from . import claude_content as content
from .builder import Builder
from .parts import Step
from .untrusted import Fields, obj, text

__all__ = ["TODO_CALLS", "ClaudeTodos"]

#: A task's id comes only with the result, in its text where nothing else tells it.
TASK_ID: Final = re.compile(r"[Tt]ask #?(\w+)")
TODO_CALLS: Final = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet"})


class ClaudeTodos:
    """The list that ``TodoWrite`` replaces, and the one that ``Task…`` calls change.

    Attributes:
        calls: Names of tools by the ids of their calls.
    """

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self.calls: dict[str, str] = {}
        self._steps: dict[str, Step] = {}  # of TaskCreate, by id

    def called(self, name: str, call: str, arguments: Fields, parent: str) -> None:
        """Read a call."""
        self.calls[call] = name
        if name == "TodoWrite":
            self._b.plan("main", content.todo_steps(arguments.get("todos")), parent=parent)
        elif name == "TaskCreate":
            step = Step(text(arguments.get("subject")), id=call)
            self._steps[step.id] = step
            self._plan_of_tasks(parent)
        elif name == "TaskUpdate":
            self._update_task(text(arguments.get("taskId")), arguments, parent)

    def _update_task(self, task: str, arguments: Fields, parent: str) -> None:
        step = self._steps.get(task) or Step(f"task {task}", id=task)
        status = text(arguments.get("status"), step.status)
        if status == "deleted":
            self._steps.pop(task, None)
        else:
            words = text(arguments.get("subject")) or step.text
            self._steps[task] = Step(words, status, id=task)
        self._plan_of_tasks(parent)

    def _plan_of_tasks(self, parent: str) -> None:
        self._b.plan("main", list(self._steps.values()), parent=parent)

    def returned(self, call: str, failed: bool, given: object, structured: object) -> None:
        """Read the result of a call."""
        if failed:
            name = self.calls[call]
            self._b.notice("error", f"{name}: {content.joined(given)}", "warning")
        if call not in self._steps:
            return
        told = obj(obj(structured).get("task")).get("id")
        found = TASK_ID.search(content.joined(given))
        task = str(told) if told is not None else found[1] if found else call
        steps = [step for step in self._steps.values() if not (failed and step.id == call)]
        renamed = [Step(s.text, s.status, id=task) if s.id == call else s for s in steps]
        self._steps = {step.id: step for step in renamed}
        if failed:
            self._plan_of_tasks("")
