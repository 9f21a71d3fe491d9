"""A widget that a thread feeds: its lifetime, its display, what it leaves behind.

Shared by the event viewer, the execution log and the agent chat.
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import threading
import weakref
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import anywidget
import traitlets
from comm.base_comm import BaseComm

from .feed import Feed, Source
from .interrupts import put_off

__all__ = ["STATIC", "LiveWidget"]

#: Where the built JavaScript lives.
STATIC: Final = Path(__file__).parents[1] / "static"

_alive: weakref.WeakSet[LiveWidget] = weakref.WeakSet()
#: Cell → the run that filled it and the widgets of that run.
_cells: dict[str, tuple[str, list[LiveWidget]]] = {}


class _Whole(ABCMeta, type(anywidget.AnyWidget)):  # type: ignore[misc]
    """Makes a widget whole or not at all, also when the stop button is pressed meanwhile."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        made = None
        try:
            with put_off():
                made = super().__call__(*args, **options)
        except BaseException:
            if made is not None:
                made.close()
            raise
        return made


class LiveWidget(anywidget.AnyWidget, metaclass=_Whole):
    """Owns a feed, a comm and a display; lives until :meth:`close`.

    A widget made by running a cell again replaces, and closes, those of the
    run before (``keep=True`` opts out).
    """

    height = traitlets.Int(480, help="Of the whole widget, in pixels.").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], default_value="auto").tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)

    _closed = True  # until it is made: ipywidgets closes what a failed constructor leaves
    _feed: Feed | None = None

    def __init__(self, *, keep: bool = False, **traits: Any) -> None:
        super().__init__(**traits)
        self._closed = False
        self._display_id: str | None = None
        self.on_msg(self._take)
        self._made_in = threading.current_thread()
        if self._in_marimo():
            _before_close(self.comm, lambda: self.close("replaced"))
        elif self.comm is not None:
            self.comm.on_close(lambda message: self.close())
            # The comm would tell IPython of each message as of a cell that ran, and matplotlib
            # draws what is unfinished after each cell: half a plot, for the page answers from a
            # thread of its own and at any time.
            self.comm.handle_msg = self._handle_msg
        _alive.add(self)
        if not keep:
            _replace_previous(self)

    # -- for the widgets built on this

    def start_feed(self, source: Source, name: str) -> Feed:
        """Begin to pump *source* to the pages."""
        self._feed = Feed(source, self._post, name=name, on_message=self.on_page_message)
        return self._feed

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Take a ``hello``, ``cmd`` or ``select`` message of a page, in the host's thread."""

    @abstractmethod
    def stop_source(self) -> None:
        """Close what feeds this widget; called once, before the feed ends."""

    @abstractmethod
    def static_html(self) -> str:
        """Return what stands in the notebook when no kernel runs: plain, safe HTML."""

    @abstractmethod
    def static_text(self) -> str:
        """Return the same as plain text."""

    # -- lifetime

    @put_off()
    def close(self, reason: str = "closed") -> None:
        """End the threads and the connection, and leave the last state as HTML; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.stop_source()
        if self._feed is not None:
            self._feed.close(reason)
        if reason != "replaced":
            self.refresh(frozen=True)
        layout = getattr(self, "layout", None)
        super().close()
        self.__dict__.pop("_repr_mimebundle_", None)  # ipywidgets put None over the method
        if layout is not None:
            layout.close()  # ipywidgets leaves this comm open
        _alive.discard(self)
        _let_go(type(self))

    def freeze(self) -> None:
        """Replace the display by HTML that needs no kernel, and close."""
        self.close()

    def __enter__(self) -> Self:
        return self

    @put_off()
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- display

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._display_id = self._display_id or secrets.token_hex(8)
        display(self._bundle(frozen=self._closed), raw=True, display_id=self._display_id)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self._bundle(frozen=self._closed)

    def refresh(self, *, frozen: bool = False) -> None:
        """Bring what a saved notebook shows up to date; from any thread."""
        if self._display_id is None:
            return
        from IPython.display import update_display

        update_display(self._bundle(frozen=frozen), raw=True, display_id=self._display_id)

    def _bundle(self, *, frozen: bool) -> dict[str, Any]:
        bundle: dict[str, Any] = {
            "text/plain": self.static_text(),
            "text/html": self.static_html(),
        }
        if not frozen:
            live = super()._repr_mimebundle_()
            data = live[0] if isinstance(live, tuple) else live
            view = "application/vnd.jupyter.widget-view+json"
            if data and view in data:
                bundle[view] = data[view]
                # By this mark the page's extension knows what to show without a kernel.
                bundle["text/html"] = f'<div class="axon-snapshot">{bundle["text/html"]}</div>'
        return bundle

    # -- the comm

    def _post(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        """Send to the pages, from the pump thread."""
        comm = self.comm
        if comm is None:
            return
        if self._in_marimo() and not self._made_in.is_alive():
            self.close("replaced")  # `marimo run` ends a visitor's thread, and tells nobody
            return
        self.send(content, buffers)
        # ipykernel 7.4 remembers with every message which shell sent it and brings the
        # page's answers there: to the main shell, where they wait for the running cell.
        # Without the memory they take the page's own subshell, which does not wait.
        with contextlib.suppress(AttributeError):
            del comm._reply_subshell_id

    def _in_marimo(self) -> bool:
        return self.comm is not None and not isinstance(self.comm, BaseComm)

    def _take(self, widget: Any, content: Any, buffers: Any) -> None:
        if self._feed is not None and isinstance(content, dict):
            self._feed.take(content)


def _let_go(kind: type[LiveWidget]) -> None:
    """Forget the widgets that wait for a change of the script: it keeps every one for good.

    Only who develops the script misses that, for a widget that is still open
    (manzt/anywidget#929).
    """
    for owner in kind.__mro__:
        changed = getattr(owner.__dict__.get("_esm"), "changed", None)
        if changed is not None:
            changed.disconnect()


def _replace_previous(widget: LiveWidget) -> None:
    cell, run = _running_cell()
    if cell is None or run is None:
        return
    before, widgets = _cells.get(cell, (run, []))
    if before != run:
        for old in widgets:
            old.close("replaced")
        widgets = []
    _cells[cell] = (run, [*widgets, widget])


def _running_cell() -> tuple[str | None, str | None]:
    """Return the id of the running cell and of this run of it, where the host tells."""
    from IPython import get_ipython

    shell = get_ipython()
    parent: Mapping[str, Any] = getattr(shell, "get_parent", dict)() if shell is not None else {}
    cell = parent.get("metadata", {}).get("cellId")
    return cell, parent.get("header", {}).get("msg_id")


def _before_close(comm: Any, run: Callable[[], None]) -> None:
    """Call *run* before marimo closes *comm* with its cell; it does not call ``on_close``."""
    close = comm.close

    def closing(*args: Any, **options: Any) -> None:
        run()
        close(*args, **options)

    comm.close = closing


def _close_all() -> None:
    for widget in list(_alive):
        widget.stop_source()


atexit.register(_close_all)
