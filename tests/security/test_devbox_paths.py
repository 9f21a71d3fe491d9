"""By files, mounts, uploads and working directories no client leaves its devbox.

Commands do, with the user's rights; that is documented.  Each case runs as root and
as an ordinary user where the tests may change the user, else as who runs them.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from axon_notebook.local.devboxes.files import (
    directory_beneath,
    read_beneath,
    write_beneath,
)
from axon_notebook.local.devboxes.paths import DevboxPaths
from axon_notebook.local.refusals import Refusal

ORDINARY = 65534
USERS = [0, ORDINARY] if os.geteuid() == 0 else [os.geteuid()]


class Place(NamedTuple):
    """A devbox, a project folder it may use, and what is outside of both."""

    root: Path
    paths: DevboxPaths
    outside: Path


#: What a client may ask for; `{d}` is the devbox directory, `{o}` what is outside it.
NAMES = [
    "../secret",
    "../../secret",
    "a/../../secret",
    "a/b/../../../secret",
    "./../secret",
    "~/../secret",
    "~/../../outside/secret",
    "/home/user/../secret",
    "/home/user/../../etc/passwd",
    "/home/user/a/../../../etc/passwd",
    "/home//user/..//secret",
    "/home/./user/../secret",
    "/home/user2/secret",
    "/home/userx",
    "/home",
    "/home/other/x",
    "/home/../home/user/../x",
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/x",
    "/dev/null",
    "/tmp/secret",
    "/root/.ssh/id_rsa",
    "{o}/secret",
    "{d}/../secret",
    "{d}x/secret",
    "{d}/../../outside/secret",
    "{p}/../secret",
    "{p}/../outside/secret",
    "to_outside",
    "to_outside_relative",
    "to_outside_folder/secret",
    "to_outside_folder/new",
    "to_outside_folder/new/deep",
    "to_parent/secret",
    "to_parent/../secret",
    "to_root/etc/passwd",
    "to_proc/environ",
    "to_proc_root/etc/passwd",
    "chain_1",
    "chain_1/secret",
    "inside_then_out/secret",
    "a/up_link/secret",
    "dangling_outside",
    "loop",
    "loop/x",
    "to_home_outside",
    "to_folder_of_project/../../outside/secret",
    "/..",
    "/home/user/..",
    "/home/user/to_outside",
    "/home/user/to_outside_folder/new",
    "~/to_outside_folder/secret",
    "{d}/to_outside",
    "{d}/to_parent/secret",
    "{p}/../box/home/../secret",
]
GOOD = [
    "new",
    "a/b/c/new",
    "~/new",
    "/home/user/new",
    "/home//user/./a//new",
    "/home/user/a/../new",
    "{d}/new",
    "{p}/new",
    "to_inside/new",
    "to_inside_absolute/new",
    "to_runloop_home/new",
    "dangling_inside",
    "~notes",
    "..notes",
    "a/...",
    "é/\u2028/new",
]
FOLDERS = ["..", "/", "/etc", "{o}", "to_outside_folder", "to_parent", "a/../..", "/home", "file"]


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Permit the ordinary user what is made, also where a service ran in this process before."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def place(tmp_path: Path, usual_umask: None) -> Place:
    tmp_path.chmod(0o777)
    for above in list(tmp_path.parents)[:3]:
        if above.name.startswith(("pytest", "popen")):  # the second is one worker's
            above.chmod(0o755)
    directory, outside, project = (tmp_path / name for name in ("box/home", "outside", "project"))
    for folder in (directory / "a/b", outside, project):
        folder.mkdir(parents=True, mode=0o777)
    for secret in (outside / "secret", tmp_path / "secret", tmp_path / "box/secret"):
        secret.write_text("secret")
    (directory / "file").write_text("file")
    links = {
        "to_outside": outside / "secret",
        "to_outside_relative": "../../outside/secret",
        "to_outside_folder": outside,
        "to_parent": "..",
        "to_root": "/",
        "to_proc": "/proc/self",
        "to_proc_root": "/proc/self/root",
        "chain_1": "chain_2",
        "chain_2": "a/../../../outside",
        "inside_then_out": "a/up_link",
        "a/up_link": "../../../outside",
        "dangling_outside": outside / "made",
        "loop": "loop",
        "to_home_outside": "/home/other",
        "to_folder_of_project": project,
        "to_inside": "a",
        "to_inside_absolute": directory / "a",
        "to_runloop_home": "/home/user/a",
        "dangling_inside": "a/made",
    }
    for name, target in links.items():
        (directory / name).symlink_to(target)
    paths = DevboxPaths(directory, folders=(project,))
    for found in [tmp_path, *tmp_path.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(found, ORDINARY, ORDINARY, follow_symlinks=False)
    return Place(tmp_path, paths, outside)


def named(place: Place, name: str) -> str:
    directory, project = place.paths.directory, place.paths.folders[0]
    return (
        name.replace("{d}", f"{directory}")
        .replace("{o}", f"{place.outside}")
        .replace("{p}", f"{project}")
    )


def contents(place: Place) -> dict[str, bytes]:
    """Everything outside the devbox and the project folder."""
    own = (place.paths.directory, *place.paths.folders)
    found = [p for p in place.root.rglob("*") if not any(p.is_relative_to(o) for o in own)]
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in found}


def as_user(user: int, check: Callable[[], None]) -> None:
    """Run *check* in a child that is *user*, so that nothing of it stays here."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if user != os.geteuid():
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            check()
            status = 0
        except BaseException:  # noqa: BLE001 - the child ends here, whatever it was
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("user", USERS)
def test_no_path_leads_out(place: Place, user: int) -> None:
    """57 paths, each read and written; with the working directories below more than 60."""
    before = contents(place)

    def check() -> None:
        for name in NAMES:
            path = named(place, name)
            for use in (read_beneath, lambda p, n: write_beneath(p, n, [b"changed"])):
                with contextlib.suppress(Refusal, OSError):
                    found = use(place.paths, path)
                    raise AssertionError(f"{name} was usable: {found!r}")

    as_user(user, check)

    assert contents(place) == before


@pytest.mark.parametrize("user", USERS)
def test_paths_inside_work(place: Place, user: int) -> None:
    """Links inside the devbox are followed, `/home/user` and the real path are the same."""

    def check() -> None:
        for number, name in enumerate(GOOD):
            content = f"content {number}".encode()
            write_beneath(place.paths, named(place, name), [content])
            assert read_beneath(place.paths, named(place, name)) == content, name

    as_user(user, check)

    assert (place.paths.directory / "a/made").exists()
    assert (place.paths.folders[0] / "new").exists()


@pytest.mark.parametrize("user", USERS)
def test_no_working_directory_is_outside(place: Place, user: int) -> None:
    """A project folder is the exception, because the user allowed it."""

    def check() -> None:
        for name in FOLDERS:
            with contextlib.suppress(Refusal):
                found = directory_beneath(place.paths, named(place, name))
                raise AssertionError(f"{name} was usable: {found}")
        directory = place.paths.directory
        assert directory_beneath(place.paths, "/home/user") == directory
        assert directory_beneath(place.paths, "to_inside_absolute") == directory / "a"
        assert directory_beneath(place.paths, f"{place.paths.folders[0]}").is_dir()

    as_user(user, check)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("exchanged", ["a", "a/b", "a/b/name"])
def test_a_race_with_links_leads_nowhere(place: Place, user: int, exchanged: str) -> None:
    """A command exchanges a directory and a link to the outside as fast as it can."""
    outside = place.outside
    for part in ("b", "b/name", "name"):
        (outside / part).mkdir(exist_ok=True)
    (outside / "b/name/target").write_text("secret")
    (outside / "name/target").write_text("secret")
    (outside / "target").write_text("secret")
    for found in [outside, *outside.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(found, ORDINARY, ORDINARY)
    before = contents(place)
    changed = place.paths.directory / exchanged
    spare, link = changed.with_name("spare"), changed.with_name("link")
    (place.paths.directory / "a/b/name").mkdir()
    link.symlink_to(outside)
    if os.geteuid() == 0:
        os.chown(place.paths.directory / "a/b/name", ORDINARY, ORDINARY)
    done = threading.Event()

    def exchange() -> None:
        while not done.is_set():
            changed.rename(spare)
            link.rename(changed)
            changed.rename(link)
            spare.rename(changed)

    def check() -> None:
        thread = threading.Thread(target=exchange)
        thread.start()
        try:
            for _ in range(400):
                with contextlib.suppress(Refusal, OSError):
                    write_beneath(place.paths, "a/b/name/target", [b"changed"])
                with contextlib.suppress(Refusal, OSError):
                    assert read_beneath(place.paths, "a/b/name/target") == b"changed"
        finally:
            done.set()
            thread.join()

    as_user(user, check)

    assert contents(place) == before


@pytest.mark.parametrize("kind", ["pipe", "directory", "socket"])
def test_only_regular_files_are_opened(place: Place, kind: str) -> None:
    """A pipe would hold up the service until somebody else opens it."""
    path = place.paths.directory / "special"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        else:
            stack.enter_context(bound_socket(path))
        with pytest.raises(OSError, match=r"."):
            read_beneath(place.paths, "special")
        with pytest.raises(OSError, match=r"."):
            write_beneath(place.paths, "special", [b"x"])


@contextlib.contextmanager
def bound_socket(path: Path) -> Iterator[None]:
    import socket

    before = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may have 107 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
            yield
    finally:
        os.chdir(before)


def test_descriptors_are_closed(place: Place) -> None:
    """Each refused path has opened some directories."""
    count = len(list(Path("/dev/fd").iterdir()))
    for name in (*NAMES, *GOOD):
        with contextlib.suppress(Refusal, OSError):
            read_beneath(place.paths, named(place, name))

    assert len(list(Path("/dev/fd").iterdir())) == count
