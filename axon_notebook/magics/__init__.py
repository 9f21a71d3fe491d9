"""The language of cells: ``%axon``, ``%axonsql``, ``%axon_publish``."""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .shell import AxonMagics

__all__ = ["load", "unload"]

# One set of magics per shell: a shell is never loaded twice.
_LOADED: Final[dict[int, AxonMagics]] = {}


def load(shell: Any) -> None:
    """Register the magics, their settings and completion; say where axons live.

    Nothing is connected and no service is started.  Loading again replaces
    what is there.
    """
    from . import completion, frame_display, lexers, transforms
    from .cards import greeting
    from .shell import AxonMagics

    unload(shell)
    magics = AxonMagics(shell)
    shell.register_magics(magics)
    # What `%config AxonMagics` looks through.
    if magics not in shell.configurables:
        shell.configurables.append(magics)
    completion.install(shell, magics)
    transforms.install(shell)
    lexers.install()
    frame_display.install(shell)
    _LOADED[id(shell)] = magics
    atexit.register(magics.session.close)
    for complaint in magics.complaints:
        sys.stderr.write(f"axon_notebook: {complaint}\n")
    if magics.feedback:
        sys.stdout.write(f"{greeting(magics)}\n")


def unload(shell: Any) -> None:
    """Take back exactly what :func:`load` added, and close the connection."""
    from . import completion, frame_display, lexers, transforms

    magics = _LOADED.pop(id(shell), None)
    if magics is None:
        return
    for kind, names in magics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop(type(magics).__name__, None)
    shell.configurables[:] = [c for c in shell.configurables if c is not magics]
    completion.remove(shell)
    transforms.remove(shell)
    lexers.remove()
    frame_display.remove(shell)
    magics.session.close()
    atexit.unregister(magics.session.close)
