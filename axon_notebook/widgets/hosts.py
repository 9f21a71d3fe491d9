"""What is peculiar about the hosts of a widget: ipykernel, ipywidgets, anywidget, marimo, nbclient.

Everything that works around a host stands here, with the upstream issue and what ends it, so that
the widgets themselves read as if all hosts were alike.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from comm.base_comm import BaseComm

__all__ = [
    "after_each_cell",
    "answer_while_busy",
    "close_layout",
    "forget_reloads",
    "is_marimo",
    "on_host_close",
    "restore_display",
    "running_cell",
    "shows_widgets",
    "take_quietly",
]

#: Message ids of ``jupyter_client.session.Session``: the session's id, its process, a count.
_PYTHON_CLIENT: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{24}(_\d+)+")


def _parent() -> Mapping[str, Any]:
    """Return the message that runs the present cell; empty outside of a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    parent: Mapping[str, object] = getattr(shell, "get_parent", dict)() if shell is not None else {}
    return parent


def running_cell() -> tuple[str | None, str | None]:
    """Return the id of the running cell and of this run of it, where the host tells.

    JupyterLab, Notebook 7 and VS Code send ``cellId`` with a request; the protocol has no field for
    it (https://github.com/jupyter/enhancement-proposals/pull/121 proposes one).
    """
    parent = _parent()
    cell = parent.get("metadata", {}).get("cellId")
    return cell, parent.get("header", {}).get("msg_id")


def shows_widgets() -> bool:
    """Whether a page may show a widget live; false under nbclient, which runs cells without one.

    ``jupyter nbconvert --execute``, papermill and Quarto run a notebook by nbclient.  It tells a
    kernel nothing about itself, and stores the state of every widget, scripts included, for pages
    that load more scripts from a CDN: offline they show nothing.  Known by its message ids, which
    are those of the Python client, and by the missing id of the cell.  Voilà runs cells the same
    way, but then opens a page.  Ends when nbclient lets a kernel know that there is no page.
    """
    parent = _parent()
    request = str(parent.get("header", {}).get("msg_id", ""))
    if not _PYTHON_CLIENT.fullmatch(request) or parent.get("metadata", {}).get("cellId"):
        return True
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def after_each_cell(run: Callable[[], None]) -> Callable[[], None]:
    """Call *run* after each cell that ran; return what ends that."""
    from IPython import get_ipython

    events = get_ipython().events

    def ran(result: object) -> None:
        run()

    events.register("post_run_cell", ran)
    return lambda: events.unregister("post_run_cell", ran)


# -- comms


def is_marimo(comm: object) -> bool:
    """Whether *comm* is marimo's, which looks like Jupyter's but is not derived from it."""
    return comm is not None and not isinstance(comm, BaseComm)


def on_host_close(comm: Any, closed: Callable[[], None]) -> None:
    """Call *closed* when the host closes *comm* with its cell.

    marimo closes a comm itself (https://github.com/marimo-team/marimo/pull/8159) without
    calling what ``on_close`` registered; ends when it does.
    """
    if not is_marimo(comm):
        comm.on_close(lambda message: closed())
        return
    close = comm.close

    def closing(*args: object, **options: object) -> None:
        closed()
        close(*args, **options)

    comm.close = closing


def take_quietly(comm: Any, handle: Callable[[object], None]) -> None:
    """Let *handle* take the page's messages without telling IPython that a cell ran.

    ipykernel fires ``pre_execute`` and ``post_execute`` around every message of a comm: the inline
    backend then draws unfinished plots, and with subshells it does so from another thread at any
    time.  https://github.com/ipython/ipykernel/issues/432 and /1564, both open.
    """
    if not is_marimo(comm):
        comm.handle_msg = handle


def answer_while_busy(comm: Any) -> None:
    """After a message was sent: let the page's next one come while a cell runs.

    JupyterLab sends comm messages to a subshell of their own
    (https://github.com/jupyterlab/jupyterlab/pull/17363).  ipykernel 7.4 remembers in the comm
    which shell sent last and brings the page's messages there: to the main shell, where they wait
    for the running cell.  Without the memory they take the subshell.  Seen in 7.4.0 only.
    """
    with contextlib.suppress(AttributeError):
        del comm._reply_subshell_id


# -- what is left after close()


def restore_display(widget: object) -> None:
    """After ``close()``: ipywidgets 8.1 puts ``None`` over the method that a display calls."""
    widget.__dict__.pop("_repr_mimebundle_", None)


def close_layout(layout: Any) -> None:
    """Close the layout of a closed widget: ipywidgets leaves its comm open, for it may be shared.

    https://github.com/jupyter-widgets/ipywidgets/issues/2308, closed as intended.
    """
    if layout is not None:
        layout.close()


def forget_reloads(kind: type) -> None:
    """Disconnect the widgets that wait for a change of their script: it keeps every one for good.

    Only who develops the script misses that, for a widget that is still open.
    https://github.com/manzt/anywidget/issues/929, open.
    """
    for owner in kind.__mro__:
        changed = getattr(owner.__dict__.get("_esm"), "changed", None)
        if changed is not None:
            changed.disconnect()
