"""A widget that a thread feeds: its lifetime, its display, what it leaves behind.

Shared by the event viewer, the execution log and the agent chat.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import anywidget
import traitlets

from ..errors import ParameterError
from . import hosts
from .feed import Feed, Source
from .interrupts import deferred_interrupt
from .saved_file import saved_file

__all__ = ["STATIC", "LiveWidget"]

#: Where the built JavaScript lives.
STATIC: Final = Path(__file__).parents[1] / "static"
#: In place of the script where no page will run it: its text would be stored with every widget.
NO_PAGE: Final = "export default { render() {} };"

_alive: weakref.WeakSet[LiveWidget] = weakref.WeakSet()
#: Cell → the run that filled it and the widgets of that run.
_cells: dict[str, tuple[str, list[LiveWidget]]] = {}


class LiveWidget(anywidget.AnyWidget):
    """Owns a feed, a comm and a display; lives until :meth:`close`.

    A widget made by running a cell again replaces, and closes, those of the
    run before (``keep=True`` opts out).  A constructor is atomic: the stop button
    takes effect after it, and then closes what was made.
    """

    height = traitlets.Int(480, help="Of the whole widget, in pixels.").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], default_value="auto").tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)

    script: Path  # the widget's bundle
    _esm: object
    _closed = True  # until it is made: ipywidgets closes what a failed constructor leaves
    _feed: Feed | None = None
    _saves = True  # whether what it shows may be saved

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            cls.__init__ = _atomic(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, *, keep: bool = False, **traits: object) -> None:
        for name in ("stop_source", "static_html", "static_text", "saved_state"):
            if getattr(type(self), name) is getattr(LiveWidget, name):
                raise TypeError(f"{type(self).__name__} has no method {name}")
        self._is_shown = hosts.shows_widgets()
        self._stop_refreshing: Callable[[], None] | None = None
        if not self._is_shown:
            self._esm = NO_PAGE
        super().__init__(**traits)
        self._closed = False
        self._display_id: str | None = None
        self.on_msg(self._take)
        self._made_in = threading.current_thread()
        if self.comm is not None:
            reason = "replaced" if hosts.is_marimo(self.comm) else "closed"
            hosts.on_host_close(self.comm, lambda: self.close(reason))
            hosts.take_quietly(self.comm, self._handle_msg)
        _alive.add(self)
        if not keep:
            _replace_previous(self)

    # -- for the widgets built on this

    def start_feed(self, source: Source, name: str) -> Feed:
        """Begin to pump *source* to the pages."""
        self._feed = Feed(source, self._post, name=name, on_message=self.on_page_message)
        return self._feed

    def on_page_message(self, message: Mapping[str, object]) -> None:
        """Take a ``hello``, ``cmd`` or ``select`` message of a page, in the host's thread."""

    def stop_source(self) -> None:
        """Close what feeds this widget; called once, before the feed ends."""
        raise NotImplementedError

    def static_html(self) -> str:
        """Return what stands in the notebook when no kernel runs: plain, safe HTML."""
        raise NotImplementedError

    def saved_state(self) -> bytes:
        """Return all that is kept, deflated, as a view without a kernel reads it."""
        raise NotImplementedError

    def static_text(self) -> str:
        """Return the same as plain text."""
        raise NotImplementedError

    # -- lifetime

    @deferred_interrupt()
    def close(self, reason: str = "closed") -> None:
        """End the threads and the connection, and leave the last state as HTML; idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._stop_refreshing is not None:
            self._stop_refreshing()
        self.stop_source()
        if self._feed is not None:
            self._feed.close(reason)
        if reason != "replaced":
            self.refresh(frozen=True)
        layout = getattr(self, "layout", None)
        super().close()
        hosts.restore_display(self)
        hosts.close_layout(layout)
        _alive.discard(self)
        hosts.forget_reloads(type(self))

    def freeze(self) -> None:
        """Replace the display by HTML that needs no kernel, and close."""
        self.close()

    def save_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one HTML file that shows what is here now: interactive, offline, no kernel.

        It holds all that is kept, as ``redact=`` lets it through, and loads nothing from
        anywhere.  Works after :meth:`close`, too.

        Args:
            path: The file; one that exists is replaced.

        Raises:
            ParameterError: The widget was made with ``snapshot=False``.
        """
        if not self._saves:
            raise ParameterError("snapshot=False: nothing that this widget shows may be saved")
        bundle = self.script.read_text("utf-8")
        text = saved_file(self.title, bundle, self._view_traits(), self.saved_state())
        target = Path(path)
        target.write_text(text, "utf-8")
        return target

    def _view_traits(self) -> dict[str, object]:
        """Return the synced traits that this package declares, those of saved state apart."""
        kinds = [kind for kind in type(self).__mro__ if issubclass(kind, LiveWidget)]
        names = {name for kind in kinds for name in vars(kind) if not name.startswith("_")}
        return {name: getattr(self, name) for name in self.traits(sync=True) if name in names}

    def __enter__(self) -> Self:
        return self

    @deferred_interrupt()
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
        if not self._is_shown and not self._closed and self._stop_refreshing is None:
            # Without a page the display is all there is: the notebook gets the state of its end.
            self._stop_refreshing = hosts.after_each_cell(self.refresh)

    def _repr_mimebundle_(self, **kwargs: object) -> Any:
        return self._bundle(frozen=self._closed)

    def refresh(self, *, frozen: bool = False) -> None:
        """Bring what a saved notebook shows up to date; from any thread."""
        if self._display_id is None:
            return
        from IPython.display import update_display

        update_display(self._bundle(frozen=frozen), raw=True, display_id=self._display_id)

    def _bundle(self, *, frozen: bool) -> dict[str, object]:
        bundle: dict[str, object] = {
            "text/plain": self.static_text(),
            "text/html": self.static_html(),
        }
        if not frozen and self._is_shown:
            live = super()._repr_mimebundle_()
            data = live[0] if isinstance(live, tuple) else live
            view = "application/vnd.jupyter.widget-view+json"
            if data and view in data:
                bundle[view] = data[view]
                # By this mark the page's extension knows what to show without a kernel.
                bundle["text/html"] = f'<div class="axon-snapshot">{bundle["text/html"]}</div>'
        return bundle

    # -- the comm

    def _post(self, content: dict[str, object], buffers: list[bytes]) -> None:
        """Send to the pages, from the pump thread."""
        comm = self.comm
        if comm is None:
            return
        if hosts.is_marimo(comm) and not self._made_in.is_alive():
            self.close("replaced")  # `marimo run` ends a visitor's thread without a notice
            return
        self.send(content, buffers)
        hosts.answer_while_busy(comm)

    def _take(self, widget: object, content: object, buffers: object) -> None:
        if self._feed is not None and isinstance(content, dict):
            self._feed.take(content)


def _atomic(construct: Callable[..., None]) -> Callable[..., None]:
    """Make a constructor that the stop button does not cut in half."""

    @functools.wraps(construct)
    def constructed(self: LiveWidget, *args: object, **options: object) -> None:
        made = False
        try:
            with deferred_interrupt():
                construct(self, *args, **options)
                made = True
        except BaseException:
            # Of the constructors inside each other the outermost one knows that all was made.
            if made and type(self).__init__ is constructed:
                self.close()
            raise

    return constructed


def _replace_previous(widget: LiveWidget) -> None:
    cell, run = hosts.running_cell()
    if cell is None or run is None:
        return
    before, widgets = _cells.get(cell, (run, []))
    if before != run:
        for old in widgets:
            old.close("replaced")
        widgets = []
    _cells[cell] = (run, [*widgets, widget])


def _close_all() -> None:
    for widget in list(_alive):
        widget.stop_source()


atexit.register(_close_all)
