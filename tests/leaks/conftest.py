"""Shows what was counted: a leak suite that only says "passed" hides how close it was."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counted = [
        report for report in terminalreporter.stats.get("passed", ()) if report.when == "call"
    ]
    counted = [report for report in counted if report.user_properties]
    if counted:
        terminalreporter.section("what was held")
    for report in counted:
        terminalreporter.write_line(report.nodeid)
        for name, value in report.user_properties:
            terminalreporter.write_line(f"  {name:>8}: {value}")
