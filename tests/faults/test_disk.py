"""The store on a disk that fails at every write in turn, and on one that loses power.

The promise in both: an answered publish is stored, once, without a hole, and what
was refused left nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from axon_notebook.local.refusals import Refusal

from ..local.stored import Home, opened
from .disk import Disk


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Disk() as disk:
        yield disk


def stored(file: Path) -> list[tuple[int, str]]:
    """The history in a file that nothing serves; the file is whole, or this fails."""
    connection = apsw.Connection(str(file))
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT sequence, payload FROM rl_axon_events ORDER BY 1")
        return [(int(sequence), str(payload)) for sequence, payload in rows]
    finally:
        connection.close()


def found_after(disk: Disk, home: Home, place: Path, seed: int | None) -> list[tuple[int, str]]:
    """Cut the power now; what the axon's file holds when the machine is on again."""
    place.mkdir()
    for name, content in disk.after_power_cut(home.file, seed).items():
        (place / name).write_bytes(content)
    return stored(place / home.file.name)


@pytest.mark.parametrize(
    ("cuts", "seeds"),
    [(12, 2), pytest.param(300, 5, marks=pytest.mark.long)],
)
def test_d2_an_answered_publish_survives_a_power_cut(
    disk: Disk, tmp_path: Path, cuts: int, seeds: int
) -> None:
    """Anyone who got an answer tells others; the event must not have been a rumour."""
    answered: list[tuple[int, str]] = []
    with opened(tmp_path / "home") as home:
        for cut in range(cuts):
            payload = f"{cut}" + "x" * (cut * 997 % 9000)
            answered.append((home.publish(payload).sequence, payload))

            for seed in (None, *range(cut * seeds, cut * seeds + seeds)):
                found = found_after(disk, home, tmp_path / f"{cut}-{seed}", seed)

                assert found == answered, f"power cut after publish {cut + 1}, seed {seed}"


@pytest.mark.parametrize(
    ("error", "status"), [(apsw.FullError, 507), (apsw.IOError, 500)], ids=["full", "broken"]
)
@pytest.mark.parametrize("kind", ["write", "sync"])
def test_d3_a_disk_that_fails_at_any_write_stores_all_or_nothing(
    disk: Disk, tmp_path: Path, error: type[Exception], status: int, kind: str
) -> None:
    """Fail the first write, then the second, and so on until a publish needs no more."""
    with opened(tmp_path / "home") as home:
        answered = [home.publish("first").sequence]
        fails_at = 1
        while True:
            disk.fail(fails_at, error, only=kind)
            try:
                answered.append(home.publish("x" * 20_000).sequence)
                refusal = None
            except Refusal as refused:
                refusal = refused
            failed = disk.failed
            disk.fail(None, error)
            if not failed:
                break

            assert refusal is not None, f"answered although {kind} {fails_at} failed"
            assert refusal.status == status
            assert [event.sequence for event in home.events()] == answered
            fails_at += 1
        answered.append(home.publish("after").sequence)

    assert fails_at > 1
    assert answered == list(range(1, len(answered) + 1))
    assert [sequence for sequence, _ in stored(home.file)] == answered
