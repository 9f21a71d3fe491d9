"""Traces as ATIF documents, validated by the format's own models."""

from __future__ import annotations

from typing import Any

import atif

from axon_notebook.exports.trajectory import trajectory

from .runs import PIXEL, a_run


def steps_of(document: dict[str, Any]) -> list[tuple[str, Any, int]]:
    return [(s["source"], s["message"], len(s.get("tool_calls", ()))) for s in document["steps"]]


def test_a_run_is_a_valid_trajectory() -> None:
    document = trajectory(a_run(), session_id="axn_1")

    assert atif.Trajectory.model_validate(document).to_json_dict() == document
    assert document["agent"] == {"name": "claude-code", "version": "2.1", "model_name": "opus"}
    assert steps_of(document) == [
        ("user", "count the files", 0),
        ("agent", "I look.", 1),
        ("agent", "There are three.", 0),
        ("user", "again", 0),
        ("system", "rate limited", 0),
        ("user", "more", 0),
    ]
    assert document["steps"][1]["reasoning_content"] == "Hm."


def test_tokens_stand_once_and_prompt_tokens_include_cached_ones() -> None:
    """ATIF counts cached tokens among the prompt's, the trace does not."""
    document = trajectory(a_run())
    metrics = [step["metrics"] for step in document["steps"] if "metrics" in step]

    assert metrics == [
        {"prompt_tokens": 150, "completion_tokens": 20, "cached_tokens": 50, "cost_usd": 0.25}
    ]
    assert document["final_metrics"]["total_prompt_tokens"] == 150
    assert document["final_metrics"]["total_steps"] == 6


def test_a_subagent_is_a_trajectory_of_its_own() -> None:
    document = trajectory(a_run())
    (inner,) = document["subagent_trajectories"]
    (result,) = document["steps"][1]["observation"]["results"]

    assert inner["trajectory_id"] == "task"
    assert result["subagent_trajectory_ref"] == [{"trajectory_id": "task"}]
    assert steps_of(inner) == [("agent", "inner words", 1)]
    assert inner["steps"][0]["tool_calls"][0]["arguments"] == {"input": "ls"}


def test_a_picture_of_a_result_is_kept() -> None:
    (result,) = trajectory(a_run())["steps"][1]["observation"]["results"]
    source = {"media_type": "image/png", "path": f"data:image/png;base64,{PIXEL}"}

    assert result["content"] == [
        {"type": "text", "text": "found"},
        {"type": "image", "source": source},
    ]


def test_nothing_is_a_valid_trajectory_too() -> None:
    atif.Trajectory.model_validate(trajectory([]))
