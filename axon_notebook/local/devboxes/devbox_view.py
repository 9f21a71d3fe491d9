"""A devbox as the API shows it."""

from __future__ import annotations

from typing import Any, Final

from .devbox_records import DevboxRecord
from .paths import DevboxPaths

__all__ = ["devbox_view"]

#: What every view says of the walls around a devbox.
ISOLATION: Final = (
    "none: commands run as this machine's user, with that user's rights; this is no sandbox"
)


def devbox_view(record: DevboxRecord, paths: DevboxPaths) -> dict[str, Any]:
    """Return the API's view (``DevboxView``) with this service's own fields added.

    They are ``isolation``, ``directory`` (on disk), ``home`` (as commands see it),
    ``mounts``, ``project_folders`` and ``notes`` (what was asked for and has no effect here).
    """
    return {
        "id": record.id,
        "name": record.name,
        "status": record.status,
        "capabilities": [],
        "create_time_ms": record.create_time_ms,
        "end_time_ms": record.end_time_ms,
        "launch_parameters": record.launch_parameters,
        "metadata": record.metadata,
        "state_transitions": record.state_transitions,
        "failure_reason": record.failure_reason,
        "shutdown_reason": record.shutdown_reason,
        "isolation": ISOLATION,
        "directory": str(paths.directory),
        "home": paths.home,
        "mounts": record.mounts,
        "project_folders": record.project_folders,
        "notes": record.notes,
    }
