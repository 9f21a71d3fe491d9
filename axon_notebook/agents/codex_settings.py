"""What can be switched in a session of Codex: it takes these fields with each turn.

Source: the generated types of Codex 0.171.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from .parts import Choice, Setting
from .untrusted import Fields, array, obj, text

__all__ = ["CODEX_SETTINGS", "codex_settings"]

#: Fields of ``turn/start`` that hold for later turns, too.
CODEX_SETTINGS: Final = ("model", "effort", "approvalPolicy")
POLICIES: Final = (
    Choice("untrusted", "Ask for what is not trusted"),
    Choice("on-request", "Ask when the agent wants to"),
    Choice("never", "Never ask"),
)


def codex_settings(chosen: Mapping[str, str], models: Sequence[Fields]) -> list[Setting]:
    """Return the settings.

    Args:
        chosen: What holds, by the name of the field.
        models: The answer to ``model/list``.
    """
    policy = chosen.get("approvalPolicy")
    found = [Setting("approvalPolicy", "Approvals", "mode", "select", policy, list(POLICIES))]
    choices = [
        Choice(
            text(m.get("model")) or text(m.get("id")),
            text(m.get("displayName")),
            text(m.get("description")),
        )
        for m in models
    ]
    if not choices:
        return found if policy is not None else []
    default = next(
        (c.value for c, m in zip(choices, models, strict=True) if m.get("isDefault")), ""
    )
    model = chosen.get("model") or default
    found.append(Setting("model", "Model", "model", "select", model, choices))
    known = next((m for c, m in zip(choices, models, strict=True) if c.value == model), {})
    efforts = [_effort(effort) for effort in array(known.get("supportedReasoningEfforts"))]
    if efforts := [effort for effort in efforts if effort.value]:
        effort = chosen.get("effort") or text(known.get("defaultReasoningEffort"))
        found.append(Setting("effort", "Effort", "thought_level", "select", effort, efforts))
    return found


def _effort(value: object) -> Choice:
    name = text(value) or text(obj(value).get("reasoningEffort")) or text(obj(value).get("effort"))
    return Choice(name, name, text(obj(value).get("description")))
