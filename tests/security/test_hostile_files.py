"""Files that somebody else put where the service or Python looks: databases and modules."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from axon_notebook.local.process.launcher import find_service, stop_service
from axon_notebook.local.refusals import Refusal

from ..local.stored import Home, opened

PACKAGE = Path(__file__).parents[2] / "axon_notebook"


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home", sql_seconds=2.0) as home:
        for number in range(30):
            home.publish(f"event {number}" * 20)
        home.query("CREATE TABLE t (a, b)")
        home.query("CREATE INDEX i ON t (b)")
        home.query("INSERT INTO t SELECT sequence, payload FROM rl_axon_events")
        yield home


def attempts(home: Home) -> list[int]:
    """What a user of the file does first, and how each is answered."""
    statuses = []
    for act in (
        lambda: home.query("SELECT count(*), sum(length(payload)) FROM rl_axon_events"),
        lambda: home.query("SELECT * FROM t ORDER BY b LIMIT 5"),
        lambda: home.query("SELECT sql FROM sqlite_master"),
        lambda: home.events(),
        lambda: home.publish("one more"),
    ):
        try:
            act()
            statuses.append(200)
        except Refusal as refused:
            statuses.append(refused.status)
    return statuses


@pytest.mark.parametrize("rounds", [40, pytest.param(2000, marks=pytest.mark.long)])
def test_t19_a_file_with_flipped_bits_is_answered_with_an_error(stored: Home, rounds: int) -> None:
    """A home may come by mail; whatever is in it, the service says so and goes on."""
    stored.do(stored.store.close())
    whole = stored.file.read_bytes()
    for suffix in ("-wal", "-shm"):
        stored.file.with_name(stored.file.name + suffix).unlink(missing_ok=True)
    draw = random.Random(19)
    seen: set[int] = set()
    for _ in range(rounds):
        damaged = bytearray(whole)
        for _ in range(draw.choice([1, 4, 40])):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        stored.file.write_bytes(damaged)
        stored.reopen()
        seen.update(attempts(stored))
        stored.do(stored.store.close())
        for suffix in ("-wal", "-shm"):
            stored.file.with_name(stored.file.name + suffix).unlink(missing_ok=True)
    stored.file.write_bytes(whole)
    stored.reopen()

    assert seen <= {200, 400, 500, 503, 507}
    assert {200, 500} <= seen
    assert attempts(stored) == [200] * 5


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE TRIGGER x AFTER INSERT ON rl_axon_events BEGIN SELECT load_extension('evil'); END",
        "CREATE TRIGGER x AFTER INSERT ON rl_axon_events BEGIN DELETE FROM rl_axon_events; END",
        "CREATE VIEW v AS SELECT fts3_tokenizer('simple') AS pointer",
        "CREATE TRIGGER x AFTER INSERT ON rl_requests BEGIN DELETE FROM rl_axon_events; END",
        "CREATE TABLE u (b, a GENERATED ALWAYS AS (printf('%.*c', 2147483647, 'x')))",
        "CREATE TABLE u (a CHECK (instr(hex(zeroblob(499990)), hex(zeroblob(249990)) || '1')))",
    ],
)
def test_t19_what_a_schema_carries_is_not_trusted(stored: Home, planted: str) -> None:
    """Triggers, views and checks run inside the process that opens the file."""
    with_it = apsw.Connection(str(stored.file))
    try:
        with_it.execute(planted)
    finally:
        with_it.close()
    stored.reopen()
    before = len(stored.events())
    for sql in ("SELECT * FROM v", "SELECT * FROM u", "INSERT INTO u DEFAULT VALUES"):
        refused = outcome(stored, sql)
        assert refused is None or refused.status == 400, refused

    published = stored.publish("after", request_id="once").sequence

    assert published == before + 1
    assert len(stored.events()) == before + 1


def test_t19_a_last_event_without_a_time_is_damage(stored: Home) -> None:
    """New events would have to be put behind it in time."""
    with_it = apsw.Connection(str(stored.file))
    try:
        with_it.execute(
            "CREATE TABLE other AS SELECT sequence, CAST(NULL AS INTEGER) AS timestamp_ms, origin, "
            "source, event_type, payload FROM rl_axon_events; DROP TABLE rl_axon_events; "
            "ALTER TABLE other RENAME TO rl_axon_events"
        )
    finally:
        with_it.close()
    stored.reopen()

    with pytest.raises(Refusal, match="damaged") as refused:
        stored.publish("after")
    assert refused.value.status == 500


def outcome(home: Home, sql: str) -> Refusal | None:
    try:
        home.query(sql)
    except Refusal as refused:
        return refused
    return None


EVIL = "import pathlib; pathlib.Path({mark!r}).write_text(__name__)\n"


def test_t20_modules_beside_the_notebook_do_not_run_in_the_service(
    home: Path, tmp_path: Path
) -> None:
    """Anyone who sends a folder with a notebook may put anything beside it."""
    folder, mark = tmp_path / "mailed", tmp_path / "mark"
    folder.mkdir()
    for name in ("apsw", "json", "httptools", "h2", "sitecustomize", "usercustomize", "axon"):
        (folder / f"{name}.py").write_text(EVIL.format(mark=str(mark)))
    script = Path(sys.executable).with_name("axon-notebook")
    env = {**os.environ, "AXON_NOTEBOOK_HOME": str(home)}
    served = subprocess.Popen(
        [script, "serve"], cwd=folder, env=env, stdout=subprocess.PIPE, text=True
    )
    with served:
        assert served.stdout is not None
        served.stdout.readline()
        status = subprocess.run([script, "status"], cwd=folder, env=env, capture_output=True)
        stop_service(home)

    # And the service that a program started from there, with the folder first on its path.
    code = "from axon_notebook.local.process.launcher import *; import pathlib, sys;"
    code += "print(ensure_service(pathlib.Path(sys.argv[1])).pid)"
    subprocess.run([sys.executable, "-P", "-c", code, str(home)], cwd=folder, env=env, check=True)

    assert status.returncode == 0
    assert find_service(home) is not None
    assert not mark.exists()


def test_t20_nothing_is_unpickled() -> None:
    """Loading a pickle runs what it says."""
    loaders = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "yaml", "joblib"}
    found = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if name.split(".")[0] in loaders
    ]

    assert found == []
