"""The connection a notebook works with: axons by name, devboxes by id."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from .axon import Axon
from .axon_set import AxonSet, When, select
from .closing import Closing
from .config import Secret, Settings
from .devbox import Devbox, create_body
from .errors import NotFound, ServiceError
from .models import AxonInfo
from .wire.api import ApiClient
from .wire.http import Endpoint, Locate

if TYPE_CHECKING:
    import pandas as pd

    from .agent_start import StartedAgent

__all__ = ["Client", "connect"]

#: More axons than anybody has; a set without a limit has all that match.
MOST_AXONS: Final = 10**9


def connect(
    base_url: str | None = None,
    *,
    api_key: str | Secret | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Client:
    """Connect to Runloop or, without a key, to the embedded service.

    Sends nothing yet; the embedded service is found, or started, with the
    first request.

    Args:
        base_url: The API; else ``RUNLOOP_BASE_URL``, else Runloop's own.
        api_key: The key; else ``RUNLOOP_API_KEY``.  Without either the embedded
            service of *home* is used.
        home: Directory of the embedded service's data; else
            ``AXON_NOTEBOOK_HOME``, else the platform's user data directory.

    Raises:
        ConfigError: If the settings cannot work.
    """
    return Client(Settings.resolve(base_url, api_key=api_key, home=home))


class Client(Closing):
    """A connection; lives as long as the notebook, or until :meth:`close`.

    Safe to use from several threads.  Axons and devboxes made from it share its
    connections: they work until :meth:`close`, also when nothing holds the client.

    Attributes:
        settings: Where it connects; the key in it shows as ``***``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._api = ApiClient(_locate(settings), owner=repr(self))

    def __repr__(self) -> str:
        return f"<Client of {self.where}>"

    @property
    def where(self) -> str:
        """Where this client connects, in words; sends nothing."""
        if self.settings.base_url is None:
            return f"the embedded service in {self.settings.home}"
        return urlsplit(self.settings.base_url).netloc

    def axon(self, id_or_name: str) -> Axon:
        """Return the axon with this id, or the newest with exactly this name.

        Where several have the name, a ``UserWarning`` says which one was taken.

        Raises:
            NotFound: If there is none; the message names what comes near.
        """
        if id_or_name.startswith("axn_"):
            return Axon(self._api, self._api.get_axon(id_or_name))
        found = self._api.list_axons(name=id_or_name, limit=100).axons
        exact = [info for info in found if info.name == id_or_name and not info.deleted_at_ms]
        if not exact:
            raise self._no_such_axon(id_or_name)
        if len(exact) > 1:
            others = ", ".join(info.id for info in exact[1:4]) + (", …" if len(exact) > 4 else "")
            warnings.warn(
                f"{len(exact)} axons are named {id_or_name!r}: this is the newest, {exact[0].id}; "
                f"the others are {others}",
                stacklevel=2,
            )
        return Axon(self._api, exact[0])

    def create_axon(
        self, name: str | None = None, *, metadata: Mapping[str, str] | None = None
    ) -> Axon:
        """Create an axon; names need not be unique."""
        return Axon(self._api, self._api.create_axon(name, metadata))

    def import_recording(self, path: str | os.PathLike[str], name: str | None = None) -> Axon:
        """Make a new axon of a recording; its metadata says where it comes from.

        The embedded service keeps sequences, times and origins, stored in one transaction.
        Runloop cannot: the events are published, with new sequences and times, and a warning
        says so.

        Args:
            path: A file that ``axon.save`` wrote, or one event per line as JSON.
            name: Of the axon; without it, the name in the recording, or that of the file.

        Raises:
            RecordingError: The file is damaged or not a recording; there is no axon then.
        """
        from .recording_import import import_recording

        return Axon(self._api, import_recording(self._api, Path(path).expanduser(), name))

    def axons(
        self,
        name: str | None = None,
        *,
        limit: int = 20,
        search: str | None = None,
        metadata: Mapping[str, str] | None = None,
        deleted: bool = False,
    ) -> pd.DataFrame:
        """Return axons, newest first: ``id``, ``name``, ``created`` (UTC), ``metadata``.

        Args:
            name: Only names that begin so.
            limit: At most so many; further pages are fetched as needed.
            search: Only ids or names that contain this.
            metadata: Only axons with all of these values.
            deleted: Also those that were deleted.
        """
        from .sql.frames import axons_frame

        query = {f"metadata[{key}]": value for key, value in (metadata or {}).items()}
        return axons_frame(self._list(limit, deleted, name=name, search=search, **query))

    def axon_set(
        self,
        pattern: str | Sequence[str] | None = None,
        *,
        metadata: Mapping[str, str] | None = None,
        since: When = None,
        until: When = None,
        limit: int | None = None,
    ) -> AxonSet:
        """Return the axons that match, newest first, to be asked together.

        Args:
            pattern: The name, with ``*``, ``?`` and ``[…]`` as in file names, or an id; of
                several each axon that matches any; without it all.
            metadata: Only axons with all of these values.
            since: Only axons made at or after this: an age such as ``"7d"`` or ``"12h"``, an
                ISO 8601 text, a date or a datetime.
            until: Only axons made before this.
            limit: At most so many, the newest.

        Raises:
            ParameterError: *since* or *until* is not a time.
        """
        patterns = [pattern] if pattern is None or isinstance(pattern, str) else pattern

        def find() -> list[AxonInfo]:
            found: dict[str, AxonInfo] = {}
            for one in patterns:
                matching = self._matching(one, metadata or {}, since=since, until=until)
                found.update((info.id, info) for info in matching)
            infos = list(found.values())
            if len(patterns) > 1:
                infos.sort(key=lambda info: info.created_at_ms, reverse=True)
            return infos[:limit]

        place = self.settings.base_url or str(self.settings.home)
        return AxonSet(self._api, find(), find, place=place)

    def _matching(
        self, pattern: str | None, metadata: Mapping[str, str], *, since: When, until: When
    ) -> list[AxonInfo]:
        if pattern is not None and pattern.startswith("axn_"):
            found = [self._api.get_axon(pattern)]
            wanted = [i for i in found if metadata.items() <= (i.metadata or {}).items()]
            return select(wanted, None, since=since, until=until)
        prefix = re.match(r"[^*?\[]*", pattern or "")
        query: dict[str, str | None] = {f"metadata[{key}]": text for key, text in metadata.items()}
        query["name"] = (prefix[0] if prefix else "") or None
        return select(self._list(MOST_AXONS, False, **query), pattern, since=since, until=until)

    def devbox(self, devbox_id: str) -> Devbox:
        """Return the devbox with this id.

        Raises:
            NotFound: If there is none.
        """
        return Devbox(self._api, self._api.get_devbox(devbox_id))

    def running_devbox(self, name: str) -> Devbox | None:
        """Return the newest running devbox with exactly this name, if there is one."""
        after: str | None = None
        while True:
            page = self._api.list_devboxes(status="running", limit=100, starting_after=after)
            for info in page.devboxes:
                if info.name == name:
                    return Devbox(self._api, info)
            if not page.has_more or not page.devboxes:
                return None
            after = page.devboxes[-1].id

    def create_devbox(
        self,
        name: str | None = None,
        *,
        mounts: Iterable[Mapping[str, Any]] = (),
        metadata: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        launch_commands: Sequence[str] = (),
        project_folders: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Devbox:
        """Create a devbox and wait until it is running.

        With the embedded service it is a directory on this machine and **no
        sandbox**: its commands run with your rights.

        Args:
            name: What people call it.
            mounts: As in the API, such as ``{"type": "broker_mount", "axon_id": …}``.
            metadata: Texts by name, for finding it again.
            environment: Variables of every command.  A command gets none that begins
                with ``RUNLOOP_`` otherwise.
            files: Contents by path, relative to the home directory.
            launch_commands: Run first; one that fails fails the devbox.
            project_folders: Existing folders of this machine, as absolute paths, in which
                files and working directories are allowed as well as in the devbox.  The
                embedded service alone knows them.
            timeout: Seconds to wait for it; without, as long as it takes.

        Raises:
            ExecutionError: If it failed to start, or not in time; it exists all the same.
        """
        body = create_body(
            name,
            mounts=mounts,
            metadata=metadata,
            environment=environment,
            files=files,
            launch_commands=launch_commands,
            project_folders=project_folders,
        )
        info = self._api.create_devbox(body)
        devbox = Devbox(self._api, info)
        if info.status != "running":
            devbox.wait(timeout)
        return devbox

    def start_agent(
        self,
        binary: str,
        *,
        protocol: str = "acp",
        axon: Axon | str | None = None,
        files: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        launch_commands: Sequence[str] = (),
        secrets: Mapping[str, str] | None = None,
        blueprint: str | None = None,
        keep: bool = False,
        timeout: float | None = None,
        **session: Any,
    ) -> StartedAgent:
        """Start an agent in a devbox of its own; return a session that owns the devbox.

        Closing the session shuts the devbox down.  **On Runloop a running devbox costs
        money**: close the session, or use it in a ``with``.

        Args:
            binary: The program; on the ``PATH`` of the devbox, or a path.
            protocol: ``acp``, ``claude``, ``codex`` or ``pi``, with or without ``_json``.
            axon: The axon, or its name or id; without it a new one named like the program.
            files: Contents by path, relative to the home directory.
            args: Its arguments; what makes it speak its protocol is added.
            environment: Variables of the agent and of every command.
            launch_commands: Run first, for example to install the agent.
            secrets: Names of Runloop's secrets by the variables that get their values.
            blueprint: A blueprint of Runloop, by name; no effect in the embedded service.
            keep: Leave the devbox running when the session is closed.
            timeout: Seconds to wait for the devbox; without, as long as it takes.
            session: Options of :class:`AgentSession`, such as ``permissions``.

        Raises:
            AgentError: It cannot be started or does not answer; its devbox is shut down.
        """
        from .agent_start import AgentOptions, start_agent

        box = (files, environment, launch_commands, secrets, blueprint)
        agent = AgentOptions(binary, protocol, args, *box).checked()
        if not isinstance(axon, Axon):
            axon = self.create_axon(agent.name) if axon is None else self.axon(axon)
        return start_agent(agent, axon, keep=keep, timeout=timeout, session=session)

    def stop_service(self) -> bool:
        """End the embedded service of this client, as ``axon-notebook stop`` does.

        The next request starts it again.  Returns whether one was running.

        Raises:
            ServiceError: If this client talks to another server.
        """
        if self.settings.base_url is not None:
            raise ServiceError(f"{self.where} is not an embedded service: stop it where it runs")
        from .local.process.launcher import stop_service

        return stop_service(self.settings.home)

    def close(self) -> None:
        """Close the connections; idempotent.  The embedded service goes on running."""
        self._api.close()

    def _list(self, limit: int, deleted: bool, **query: str | None) -> list[AxonInfo]:
        found: list[AxonInfo] = []
        after: str | None = None
        while len(found) < limit:
            page = self._api.list_axons(
                limit=min(5000, max(20, limit - len(found))),
                starting_after=after,
                include_total_count=False,
                **query,
            )
            found += [info for info in page.axons if deleted or not info.deleted_at_ms]
            if not page.has_more or not page.axons:
                break
            after = page.axons[-1].id
        return found[:limit]

    def _no_such_axon(self, name: str) -> NotFound:
        names = {info.name for info in self._list(500, False) if info.name}
        near = difflib.get_close_matches(name, names, n=3)
        if near:
            way_out = f"did you mean {' or '.join(repr(n) for n in near)}?"
        elif names:
            way_out = f"there are {', '.join(sorted(names)[:5])}{', …' if len(names) > 5 else ''}"
        else:
            way_out = "there is none yet: create_axon makes one"
        return NotFound(f"no axon is named {name!r} on {self.where}: {way_out}", status=404)


def _locate(settings: Settings) -> Locate:
    if settings.base_url is not None and settings.api_key is not None:
        fixed = Endpoint(settings.base_url, settings.api_key)
        return lambda start, failed: fixed
    return lambda start, failed: _embedded(settings.home, start, failed)


def _embedded(home: Path, start: bool, failed: Endpoint | None) -> Endpoint:
    """Find the embedded service of *home*; start it only if asked to."""
    from .local.process.launcher import ensure_service, find_service

    address = ensure_service(home) if start else find_service(home)
    if address is None:
        if failed is None:
            raise ServiceError(f"no service is running for {home}: axon-notebook serve starts one")
        return failed
    return Endpoint(address.base_url, address.token, embedded=True)
