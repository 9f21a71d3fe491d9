"""What an agent's messages mean is decided in ``agents/`` alone, in Python, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Words of the protocols: who names one reads a payload.
WORDS = re.compile(
    r"\b(sessionUpdate|toolCallId|agent_message_chunk|agent_thought_chunk|rawInput|rawOutput"
    r"|requestedSchema|stopReason|optionId|availableCommands|stream_event|content_block_delta"
    r"|tool_use_id|tool_result|can_use_tool|updatedInput|permission_suggestions|compact_boundary"
    r"|rate_limit_info|agentMessage|commandExecution|aggregatedOutput"
    r"|tool_execution_start|assistantMessageEvent)\b"
)
#: The agent's side of the wire, and one-line summaries of rows, which are read in the page by
#: rules that Python shares (docs/architecture.md).
ALLOWED = ("axon_notebook/agents/", "axon_notebook/local/", "js/src/events/summary")
#: Modules that still read payloads; one that does not any more must leave the list.
STILL = {"js/src/events/event-look.ts"}


def sources() -> Iterator[Path]:
    for folder, pattern in (("axon_notebook", "*.py"), ("js/src", "*.ts")):
        yield from sorted((ROOT / folder).rglob(pattern))


def without_comments(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".ts":
        return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    return re.sub(r'""".*?"""|#[^\n]*', "", text, flags=re.S)


@pytest.mark.parametrize("folder", ["axon_notebook", "js/src"])
def test_no_other_module_reads_a_protocol(folder: str) -> None:
    """Two readings differ sooner or later, and then the page and the notebook disagree."""
    found = {
        str(path.relative_to(ROOT)): sorted(set(WORDS.findall(without_comments(path))))
        for path in sources()
        if str(path.relative_to(ROOT)).startswith(folder)
        and not str(path.relative_to(ROOT)).startswith(ALLOWED)
        and WORDS.search(without_comments(path))
    }

    assert set(found) == {name for name in STILL if name.startswith(folder)}, found


def test_the_words_are_those_of_the_protocols() -> None:
    """A check that finds nothing anywhere checks nothing."""
    agents = [path for path in sources() if "axon_notebook/agents" in str(path)]
    found = {word for path in agents for word in WORDS.findall(without_comments(path))}

    assert len(found) > 15
