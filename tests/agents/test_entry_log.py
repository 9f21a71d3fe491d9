"""A log of revisions whose memory has a limit."""

from __future__ import annotations

from axon_notebook.agents.entry_log import OVERHEAD, EntryLog
from axon_notebook.agents.model import Entry, Revision, apply
from axon_notebook.agents.trace import Trace

from .events import Script


def conversation(log: EntryLog, trace: Trace, turns: int) -> None:
    script = Script()
    for number in range(turns):
        events = [
            script.prompt(f"prompt {number}"),
            script.system("turn.started", turn_id=f"t{number}"),
        ]
        events += [script.says(f"word {n} ") for n in range(50)]
        events.append(script.update("tool_call", toolCallId=f"c{number}", title="Look"))
        events.append(script.system("turn.completed", turn_id=f"t{number}"))
        for event in events:
            log.extend(trace.feed(event))


def plain(entries: list[Entry]) -> list[tuple[object, ...]]:
    return [
        (
            e.id,
            e.kind,
            e.text,
            e.status,
            e.revision,
            e.first_sequence,
            e.ranges,
            e.started_ms,
            e.ended_ms,
        )
        for e in entries
    ]


def test_older_revisions_become_one_per_entry() -> None:
    """A reader that comes late gets the same entries, and far fewer revisions."""
    trace = Trace("acp")
    log = EntryLog(entries=trace.entries, max_bytes=500 * OVERHEAD)
    conversation(log, trace, 40)

    merged, number = log.since(0)
    newer, last = log.since(number)
    kept = [*merged, *newer]
    entries: list[Entry] = []
    for revision in kept:
        apply(entries, revision)

    assert plain(entries) == plain(trace.entries)
    assert last == log.last > 2000
    assert len(kept) < 1000
    assert 0 < log.merged_to < log.last


def test_a_reader_that_was_in_the_middle_goes_on() -> None:
    """What it had is replaced by the whole state of the entries that changed."""
    trace = Trace("acp")
    log = EntryLog(entries=trace.entries, max_bytes=500 * OVERHEAD)
    conversation(log, trace, 3)
    entries: list[Entry] = []
    revisions, number = log.since(0, 100)
    for revision in revisions:
        apply(entries, revision)
    script = Script(1000)
    for _ in range(2000):
        log.extend(trace.feed(script.says("more ")))

    while number < log.last:
        revisions, number = log.since(number, 70)
        for revision in revisions:
            apply(entries, revision)

    assert plain(entries) == plain(trace.entries)


def test_merged_texts_are_those_of_the_entries() -> None:
    """A long conversation is in memory once."""
    trace = Trace("acp")
    log = EntryLog(entries=trace.entries, max_bytes=500 * OVERHEAD)
    conversation(log, trace, 40)

    merged = [r for r in log.since(0)[0] if isinstance(r, Revision) and r.state]
    texts = {id(entry.text) for entry in trace.entries}
    shared = [id(r.state["text"]) in texts for r in merged if r.state and "text" in r.state]
    assert len(shared) > 20
    assert sum(shared) >= len(shared) - 1  # one may have grown since
