"""``js/src/trace/model.ts`` has the fields of the kernel's entries, and folds them as it does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from axon_notebook.agents import model, parts
from axon_notebook.models import AxonEvent
from axon_notebook.widgets import markdown
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
import { fold, Trace } from "./src/trace/fold.ts";
const cases = JSON.parse(readFileSync(0, "utf8"));
const results = cases.map(({ records, at }) => {
  const trace = new Trace();
  for (const record of records) trace.apply(record);
  return [trace.entries, fold(records, at).entries];
});
console.log(JSON.stringify(results));
"""


def conversations() -> dict[str, list[AxonEvent]]:
    return {
        "acp": acp_conversation(),
        "acp open": acp_conversation(open_questions=True),
        "claude": claude_conversation(),
        "claude open": claude_conversation(open_questions=True),
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


def as_shown(entries: list[dict[str, Any]], struct_of: dict[str, Any]) -> list[Any]:
    """Without what is at its default, as the kernel writes entries."""
    shown = []
    for entry in entries:
        defaults = struct_of[entry["kind"]](id=0, kind="")
        plain = {"text": "", "blocks": [], **json.loads(msgspec.json.encode(defaults))}
        for field in msgspec.structs.fields(type(defaults)):
            plain.setdefault(field.name, getattr(defaults, field.name))
        left_out = json.loads(json.dumps(plain, default=msgspec.to_builtins))
        kept = {k: v for k, v in entry.items() if k == "text" or left_out.get(k, ...) != v}
        kept.pop("changes", None)
        shown.append(kept)
    return shown


def test_page_and_kernel_have_the_same_entries_at_any_event(tmp_path: Path) -> None:
    """One reading: what is drawn, what is saved, what `session.entries` says."""
    cases, expected = [], []
    for events in conversations().values():
        trace = FixedTrace(events)
        store = TraceStore(trace.revisions, lambda: LIVE, max_bytes=10**9, read_only=True)
        saved = [entry_record(entry, blocks) for entry, blocks in store.entries()]
        message = store.next(10**9, 10**9)
        assert message is not None
        at = len(events) * 2 // 3
        cases.append({"records": json.loads(message[1]), "at": at})
        then = [entry_record(entry, []) for entry in model.fold(trace.revisions(0), at)]
        expected.append((saved, then))

    for (now, then), (saved, was) in zip(folded(cases, tmp_path), expected, strict=True):
        plain = json.loads(msgspec.json.encode(saved))
        assert as_shown(now, model.KINDS) == plain
        without_blocks = [{k: v for k, v in e.items() if k != "blocks"} for e in then]
        assert as_shown(without_blocks, model.KINDS) == json.loads(msgspec.json.encode(was))
