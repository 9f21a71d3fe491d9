"""Says at the end of a run which tests did not run, and why.

Three things keep a test from running: it was skipped, it was left out on the command line
(``-k``, ``-m``, ``--last-failed``), or it has a mark of :data:`ASKED_FOR` and that option was not
given.  The first and the last are named one by one; what a person left out is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_deselected",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]

#: Marks of tests that only their own command runs, by an option of the same name.
ASKED_FOR = {"long": "`make faults`", "wheel": "`make wheel-test`"}
LEFT_OUT = pytest.StashKey[dict[str, set[str]]]()  # reason → node ids


def pytest_addoption(parser: pytest.Parser) -> None:
    for mark, command in ASKED_FOR.items():
        parser.addoption(
            f"--{mark}", action="store_true", help=f"run the tests marked `{mark}` too ({command})"
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for."""
    for mark in ASKED_FOR:
        marked = [item for item in items if item.get_closest_marker(mark)]
        if marked and not config.getoption(f"--{mark}"):
            items[:] = [item for item in items if not item.get_closest_marker(mark)]
            left_out(config)[reason_for(mark)].update(item.nodeid for item in marked)
            config.hook.pytest_deselected(items=marked)


def reason_for(mark: str) -> str:
    return f"{mark}: {ASKED_FOR[mark]} runs it"


def pytest_deselected(items: Iterable[pytest.Item]) -> None:
    for item in items:
        found = left_out(item.config)
        if not any(item.nodeid in found[reason_for(mark)] for mark in ASKED_FOR):
            found[chosen(item.config)].add(item.nodeid)


def chosen(config: pytest.Config) -> str:
    """What on the command line leaves tests out."""
    options = config.option
    given = [
        f"-k {options.keyword!r}" if options.keyword else "",
        f"-m {options.markexpr!r}" if options.markexpr else "",
        "--deselect" if options.deselect else "",
        "--last-failed" if getattr(options, "lf", False) else "",
        "--stepwise" if getattr(options, "stepwise", False) else "",
    ]
    return "not chosen by " + (" ".join(filter(None, given)) or "a plugin")


def left_out(config: pytest.Config) -> dict[str, set[str]]:
    return config.stash.setdefault(LEFT_OUT, defaultdict(set))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With pytest-xdist the workers collect, and the summary is the controller's."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = {r: sorted(ids) for r, ids in left_out(session.config).items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for reason, ids in getattr(node, "workeroutput", {}).get("left_out", {}).items():
        left_out(node.config)[reason].update(ids)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    write = terminalreporter.write_line
    terminalreporter.section("what did not run")
    skipped: dict[str, set[str]] = defaultdict(set)
    for report in terminalreporter.stats.get("skipped", ()):
        skipped[reason_of(report)].add(report.nodeid or str(report.longrepr))
    found = {reason: ids for reason, ids in left_out(config).items() if ids}
    named = set(map(reason_for, ASKED_FOR)).__contains__
    for reason, ids in sorted(skipped.items()):
        write(f"{len(ids)} skipped: {reason}")
        for nodeid in sorted(ids):
            write(f"  {nodeid}")
    for reason, ids in sorted(found.items()):
        write(f"{len(ids)} left out: {reason}")
        for nodeid in sorted(ids) if named(reason) or config.option.verbose > 0 else ():
            write(f"  {nodeid}")
    if not skipped and not found:
        write("nothing: every test that was collected ran")


def reason_of(report: Any) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ")
