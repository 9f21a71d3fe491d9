"""``js/src/trace/model.ts`` has the fields of the kernel's entries, and folds them as it does.

Whatever moment the time bar goes to, forth or back: entries and spans are those of the events up
to there alone.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from axon_notebook.agents import model, parts
from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent
from axon_notebook.widgets import markdown
from axon_notebook.widgets.timeline_spans import SpanLog
from axon_notebook.widgets.trace_source import FixedTrace
from axon_notebook.widgets.trace_store import KERNEL_FIELDS, TraceStore, entry_record
from axon_notebook.wire.resuming import StreamState

from .conversations import acp_conversation, claude_conversation
from .hostile_chat import hostile_conversation

JS = Path(__file__).parents[2] / "js"
SOURCE = (JS / "src" / "trace" / "model.ts").read_text("utf-8")
LIVE = StreamState("live")
#: Fields that one side has alone, and why.
ONLY_KERNEL = {"pieces", *KERNEL_FIELDS}
ONLY_PAGE = {"text", "blocks", "changes"}


def typescript_fields(name: str) -> set[str]:
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", SOURCE, flags=re.S)
    found = re.search(rf"interface {name}(?: extends (\w+))? \{{(.*?)\n\}}", code, re.S)
    assert found, name
    fields = set(re.findall(r"^  (\w+)\??:", found[2], re.M))
    return fields | (typescript_fields(found[1]) if found[1] else set())


@pytest.mark.parametrize("kind", model.KINDS)
def test_each_kind_of_entry_has_the_same_fields(kind: str) -> None:
    """A field that the page does not know is not shown."""
    struct = model.KINDS[kind]
    kernel = {field.name for field in msgspec.structs.fields(struct)} - ONLY_KERNEL

    assert typescript_fields(struct.__name__) - ONLY_PAGE == kernel


@pytest.mark.parametrize(
    "struct",
    [
        *(getattr(parts, name) for name in parts.__all__ if name != "Part"),
        markdown.Node,
        markdown.Block,
    ],
    ids=lambda struct: struct.__name__,
)
def test_each_value_in_an_entry_has_the_same_fields(struct: type[msgspec.Struct]) -> None:
    """Options, fields, pictures, blocks."""
    kernel = {field.name for field in msgspec.structs.fields(struct)}

    assert typescript_fields(struct.__name__) - {"type"} == kernel - {"type"}


def test_code_has_the_same_classes() -> None:
    """The page gives no other class to a piece of code."""
    view = (JS / "src" / "content" / "markdown-view.ts").read_text("utf-8")
    found = re.search(r'"(attribute [a-z ]+)"', view)
    assert found

    assert tuple(found[1].split()) == markdown.TOKEN_CLASSES


FOLD = """
import { readFileSync } from "node:fs";
import { spansAsOf } from "./src/events/spans-as-of.ts";
import { Trace } from "./src/trace/fold.ts";
import { Rewind } from "./src/trace/rewind.ts";
const cases = JSON.parse(readFileSync(0, "utf8"));
const results = cases.map(({ records, spans, moments }) => {
  const now = new Trace();
  for (const record of records) now.apply(record);
  const rewind = new Rewind();
  const states = moments.map((at) =>
    JSON.stringify([rewind.moveTo(at, records, now).entries, [...spansAsOf(spans, at).values()]]),
  );
  return [now.entries, states];
});
console.log(JSON.stringify(results));
"""
RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"


def recorded_run() -> list[AxonEvent]:
    names = ("timestamp_ms", "origin", "source", "event_type", "payload")
    with gzip.open(RUN) as lines:
        rows = [json.loads(line) for line in lines]
    return [AxonEvent(n, "axn_1", *(row[name] for name in names)) for n, row in enumerate(rows, 1)]


def conversations() -> dict[str, list[AxonEvent]]:
    return {
        "acp": acp_conversation(),
        "acp open": acp_conversation(open_questions=True),
        "claude": claude_conversation(),
        "claude open": claude_conversation(open_questions=True),
        "recorded": recorded_run(),
        "hostile": hostile_conversation('__proto__ \U0001f469\u200d\U0001f4bb <b>"'),
    }


def folded(cases: list[Any], tmp: Path) -> list[Any]:
    """What TypeScript makes of the records."""
    node = shutil.which(
        "node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    assert node
    entry, bundle = JS / "fold-check.ts", tmp / "fold.cjs"
    esbuild = JS / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--platform=node", f"--outfile={bundle}", "--log-level=error"]
    stdin = ["--sourcefile=fold-check.ts", "--loader=ts"]
    subprocess.run(
        [node, esbuild, *options, *stdin], input=FOLD, text=True, check=True, cwd=entry.parent
    )
    run = subprocess.run(
        [node, bundle], input=json.dumps(cases), text=True, capture_output=True, check=True
    )
    found: list[Any] = json.loads(run.stdout)
    return found


@functools.cache
def defaults_of(kind: str) -> dict[str, Any]:
    struct = model.KINDS[kind](id=0, kind="")
    values = {field.name: getattr(struct, field.name) for field in msgspec.structs.fields(struct)}
    found: dict[str, Any] = json.loads(msgspec.json.encode({"text": "", "blocks": [], **values}))
    return found


def as_shown(entries: list[dict[str, Any]]) -> list[Any]:
    """Without what is at its default, as the kernel writes entries."""
    shown = []
    for entry in entries:
        defaults = defaults_of(entry["kind"])
        kept = {k: v for k, v in entry.items() if k == "text" or defaults.get(k, ...) != v}
        kept.pop("changes", None)
        shown.append(kept)
    return shown


def prefixes(events: list[AxonEvent]) -> dict[int, tuple[str, str]]:
    """Entries and spans that the events up to each sequence make, alone."""
    trace, log = Trace(), SpanLog()
    states = {0: ("[]", "[]")}
    for event in events:
        changed = {revision.entry for revision in trace.feed(event)}
        log.update(trace.entries[entry - 1] for entry in sorted(changed))
        entries = [entry_record(entry, []) for entry in trace.entries]
        spans = msgspec.json.encode(log.spans())
        states[event.sequence] = (msgspec.json.encode(entries).decode(), spans.decode())
    return states


def test_page_and_kernel_have_the_same_entries_at_any_event(tmp_path: Path) -> None:
    """One reading: what is drawn, what is saved, what `session.entries` says; 500 moments."""
    cases, expected = [], []
    for name, events in conversations().items():
        trace = FixedTrace(events)
        store = TraceStore(trace.revisions, lambda: LIVE, max_bytes=10**9, read_only=True)
        saved = [entry_record(entry, blocks) for entry, blocks in store.entries()]
        message = store.next(10**9, 10**9)
        assert message is not None
        states = prefixes(events)
        moments = random.Random(name).choices(list(states), k=250 if name == "recorded" else 50)
        spans = json.loads(states[events[-1].sequence][1])
        cases.append({"records": json.loads(message[1]), "spans": spans, "moments": moments})
        expected.append((saved, [states[at] for at in moments]))
    assert sum(len(case["moments"]) for case in cases) == 500

    for (now, states), (saved, were) in zip(folded(cases, tmp_path), expected, strict=True):
        assert as_shown(now) == json.loads(msgspec.json.encode(saved))
        for state, (entries, spans) in zip(states, were, strict=True):
            then, bars = json.loads(state)
            without_blocks = [{k: v for k, v in e.items() if k != "blocks"} for e in then]
            assert as_shown(without_blocks) == json.loads(entries)
            assert bars == json.loads(spans)
