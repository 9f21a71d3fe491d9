"""Runloop Axons in Jupyter.

    %load_ext axon_notebook

or, without magics::

    import axon_notebook as an

    client = an.connect()
    axon = client.create_axon("demo")
    axon.publish("greeting", {"text": "hello"})
    axon.events()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

# name → module; imported at first use, so that `import axon_notebook` stays quick.
_HOMES = {
    "AgentChat": "widgets.agent_chat",
    "AgentSession": "agents.session",
    "Axon": "axon",
    "AxonError": "errors",
    "AxonEvent": "models",
    "AxonSet": "axon_set",
    "AxonSetTrace": "axon_set_trace",
    "Client": "client",
    "Comparison": "widgets.comparison_view",
    "ComparisonView": "widgets.comparison_view",
    "Dataset": "dataset",
    "Devbox": "devbox",
    "EventViewer": "widgets.event_viewer",
    "Execution": "execution",
    "ExecutionLog": "widgets.execution_log",
    "Recording": "recording",
    "Replay": "replaying",
    "Subscription": "wire.subscription",
    "RunsTable": "widgets.runs_table",
    "Timeline": "widgets.timeline",
    "compare": "widgets.comparison_view",
    "connect": "client",
    "open_dataset": "dataset",
    "open_recording": "recording",
    "replay": "replaying",
    "trace_of_events": "agents.axon_trace",
}

__all__ = [
    "AgentChat",
    "AgentSession",
    "Axon",
    "AxonError",
    "AxonEvent",
    "AxonSet",
    "AxonSetTrace",
    "Client",
    "Comparison",
    "ComparisonView",
    "Dataset",
    "Devbox",
    "EventViewer",
    "Execution",
    "ExecutionLog",
    "Recording",
    "Replay",
    "RunsTable",
    "Subscription",
    "Timeline",
    "compare",
    "connect",
    "load_ipython_extension",
    "open_dataset",
    "open_recording",
    "replay",
    "trace_of_events",
    "unload_ipython_extension",
]

if TYPE_CHECKING:
    from .agents.axon_trace import trace_of_events
    from .agents.session import AgentSession
    from .axon import Axon
    from .axon_set import AxonSet
    from .axon_set_trace import AxonSetTrace
    from .client import Client, connect
    from .dataset import Dataset, open_dataset
    from .devbox import Devbox
    from .errors import AxonError
    from .execution import Execution
    from .models import AxonEvent
    from .recording import Recording, open_recording
    from .replaying import Replay, replay
    from .widgets.agent_chat import AgentChat
    from .widgets.comparison_view import Comparison, ComparisonView, compare
    from .widgets.event_viewer import EventViewer
    from .widgets.execution_log import ExecutionLog
    from .widgets.runs_table import RunsTable
    from .widgets.timeline import Timeline
    from .wire.subscription import Subscription


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Register the magics: ``%load_ext axon_notebook``."""
    from . import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again and close what they opened."""
    from . import magics

    magics.unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where ``jupyter labextension develop`` finds the extension that colours cells."""
    return [{"src": "labextension", "dest": "axon-notebook"}]
