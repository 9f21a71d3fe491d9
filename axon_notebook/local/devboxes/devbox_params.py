"""What a devbox is asked to be, and whether a directory can be that."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from ..refusals import Refusal
from .devbox_records import DevboxRecord
from .execution_ids import now_ms
from .lifecycle import lifecycle_of
from .secret_variables import check_secrets

__all__ = ["CreateDevbox", "broker_mounts", "files_to_mount", "launch_commands", "record_for"]

#: What Runloop offers and a directory cannot, by request field.
ELSEWHERE: Final = ("code_mounts", "entrypoint", "gateways", "mcp", "tunnel")

#: What published examples send and a directory can do without, by request field.
WITHOUT_EFFECT: Final = ("blueprint_id", "blueprint_name", "snapshot_id")


class CreateDevbox(msgspec.Struct):
    """The body of ``POST /v1/devboxes``."""

    name: str | None = None
    metadata: dict[str, str] | None = None
    environment_variables: dict[str, str] | None = None
    file_mounts: dict[str, str] | None = None
    launch_parameters: dict[str, object] | None = None
    mounts: list[dict[str, object]] | None = None
    project_folders: list[str] | None = None
    blueprint_id: str | None = None
    blueprint_name: str | None = None
    code_mounts: object = None
    entrypoint: object = None
    gateways: object = None
    mcp: object = None
    secrets: dict[str, str] | None = None
    snapshot_id: str | None = None
    tunnel: object = None


def record_for(wanted: CreateDevbox) -> DevboxRecord:
    """Return a new record for what is *wanted*.

    Raises:
        Refusal: 400, with the field that cannot be honoured here.
    """
    for field in ELSEWHERE:
        if getattr(wanted, field):
            raise Refusal(400, f"{field} is not available in the local service.")
    for mount in wanted.mounts or []:
        if mount.get("type") not in ("broker_mount", "file_mount"):
            raise Refusal(400, "mounts: only broker_mount and file_mount are available here.")
        if mount["type"] == "broker_mount" and not isinstance(mount.get("axon_id"), str):
            raise Refusal(400, "mounts: a broker_mount needs axon_id.")
    variables, secrets_by_variable = wanted.environment_variables or {}, wanted.secrets or {}
    check_secrets(secrets_by_variable)
    names = {**variables, **secrets_by_variable}
    if any("\0" in name + value or "=" in name or not name for name, value in names.items()):
        raise Refusal(400, "environment_variables: a name is empty or has =, or there is a NUL.")
    launch_commands(wanted.launch_parameters)
    lifecycle_of(wanted.launch_parameters or {})
    return DevboxRecord(
        id=f"dbx_{secrets.token_hex(11)}",
        create_time_ms=now_ms(),
        status="provisioning",
        name=wanted.name,
        metadata=wanted.metadata or {},
        environment_variables=variables,
        launch_parameters=wanted.launch_parameters or {},
        mounts=wanted.mounts or [],
        project_folders=allowed_folders(wanted),
        secrets=secrets_by_variable,
        notes=[
            f"{field} {getattr(wanted, field)} has no effect in the embedded service: the devbox"
            " is an empty directory with the tools of this machine"
            for field in WITHOUT_EFFECT
            if getattr(wanted, field)
        ],
    )


def launch_commands(launch_parameters: Mapping[str, object] | None) -> list[str]:
    """Return the commands to run before the devbox does.

    Raises:
        Refusal: 400 if they are no array of strings.
    """
    commands = (launch_parameters or {}).get("launch_commands") or []
    if not isinstance(commands, list) or not all(isinstance(c, str) for c in commands):
        raise Refusal(400, "launch_parameters.launch_commands must be an array of strings.")
    return commands


def broker_mounts(record: DevboxRecord) -> list[dict[str, object]]:
    """Return the mounts that ask for a broker."""
    return [mount for mount in record.mounts if mount.get("type") == "broker_mount"]


def files_to_mount(wanted: CreateDevbox) -> dict[str, str]:
    """Return path → content of the files to write, the paths as the client gave them."""
    files = dict(wanted.file_mounts or {})
    for mount in wanted.mounts or []:
        if mount.get("type") == "file_mount":
            files[str(mount.get("target", ""))] = str(mount.get("content", ""))
    return files


def allowed_folders(wanted: CreateDevbox) -> list[str]:
    """Return the real paths of the project folders that the user allows.

    Raises:
        Refusal: 400 for one that is not an existing directory, given as an absolute path.
    """
    folders = []
    for name in wanted.project_folders or []:
        path = Path(name)
        if "\0" in name or not path.is_absolute() or not path.is_dir():
            raise Refusal(400, f"project_folders: {name!r} is not an existing absolute path.")
        folders.append(str(path.resolve()))
    return folders
