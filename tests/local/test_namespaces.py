"""`/home/user` in the commands of a devbox, where the kernel permits it."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from pathlib import Path

from axon_notebook.local.devboxes.namespace_helper import enter
from axon_notebook.local.devboxes.namespaces import SWITCH, Namespaces

from .scenario import a_devbox, opened, ran, scenario

ORDINARY = 65534
PR_SET_DUMPABLE = 4


@scenario
async def test_each_devbox_has_its_own_home_user(tmp_path: Path) -> None:
    """Text in a command cannot be rewritten, so the directory must be there."""
    async with opened(tmp_path) as devboxes:
        boxes = [await a_devbox(devboxes, file_mounts={"/home/user/x": n}) for n in "ab"]
        bound = devboxes.paths(devboxes.find(boxes[0])).bound
        texts = [(await ran(devboxes, box, "cat /home/user/x")).stdout for box in boxes]
        homes = [(await ran(devboxes, box, 'cat "$HOME/x"; pwd')).stdout for box in boxes]
        outside = (await ran(devboxes, boxes[0], "ls /home; ls -d /home/*/")).stdout

    if not bound:
        assert Namespaces(tmp_path).check()
        assert homes == [
            f"{n}{devboxes.directory(box)}\n" for n, box in zip("ab", boxes, strict=True)
        ]
        return
    assert texts == ["a", "b"]
    assert homes == ["a/home/user\n", "b/home/user\n"]
    # Everything else of /home is still there.
    expected = {*(p.name for p in Path("/home").iterdir()), "user"}
    assert set(outside.split("\n")) >= expected


@scenario
async def test_the_process_is_the_command_itself(tmp_path: Path) -> None:
    """Its session, its exit status and its end by a signal are the command's own."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        told = await ran(devboxes, box, "ps -o pid=,sid=,pgid= -p $$; exit 7")
        running = await devboxes.execute(box, "sleep 600 & wait")
        await devboxes.executions.kill(box, running.id, group=True)
        killed = devboxes.executions.find(box, running.id).exit_status

    assert re.fullmatch(r" *(\d+) +\1 +\1\n", told.stdout)
    assert (told.exit_status, killed) == (7, 143)


@scenario
async def test_a_namespace_is_let_go_with_its_devbox(tmp_path: Path) -> None:
    """Descriptors would otherwise run out after some hundred devboxes."""
    async with opened(tmp_path) as devboxes:
        await ran(devboxes, await a_devbox(devboxes), "true")
        before = len(list(Path("/dev/fd").iterdir()))
        for _ in range(3):
            box = await a_devbox(devboxes)
            await ran(devboxes, box, "true")
            await devboxes.shutdown(box)

        assert len(list(Path("/dev/fd").iterdir())) <= before


def test_the_switch_leaves_the_mapping_alone(tmp_path: Path) -> None:
    """For who needs sudo inside a devbox."""
    namespaces = Namespaces(tmp_path, {SWITCH: "off"})

    assert namespaces.check() == f"{SWITCH} switches it off"
    assert namespaces.entry("dbx_1", tmp_path) == []
    assert not namespaces.bound


def test_a_home_user_with_own_files_is_not_covered(tmp_path: Path) -> None:
    """The service's own files would be out of reach for its commands."""
    namespaces = Namespaces(Path("/home/user/.local/share/axon-notebook"), {})

    assert "this account's own files" in (namespaces.check() or "")


def test_an_ordinary_user_gets_the_same(tmp_path: Path) -> None:
    """By a user namespace in which only the user's own id is mapped."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "x").write_text("mine")
    if os.geteuid() == 0:
        for path in (tmp_path, folder, folder / "x"):
            os.chown(path, ORDINARY, ORDINARY)
        for above in list(tmp_path.parents)[:3]:
            above.chmod(above.stat().st_mode | 0o055)
    script = (
        'test "$(cat /home/user/x)" = mine && touch /home/user/y && ! touch /home/z 2>&1 && id -u'
    )
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writer, 1)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(ORDINARY)
                os.setuid(ORDINARY)
                # A process that changed its user owns its /proc/self again after an exec only.
                ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            enter(str(folder))
            os.execv("/bin/sh", ["sh", "-c", script])
        except OSError as error:
            os.write(1, str(error).encode())
        finally:
            os._exit(3)
    os.close(writer)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(reader) as said:
        text = said.read()

    if status == 3:  # the kernel does not permit it; the service's own check agrees
        assert re.search("unshare|mount", text)
        return
    assert status == 0, text
    assert text.endswith(f"\n{ORDINARY if os.geteuid() == 0 else os.geteuid()}\n")
    assert (folder / "y").exists()
    assert subprocess.run(["ls", "/home/user/y"], capture_output=True).returncode != 0
