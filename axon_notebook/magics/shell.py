"""The magics as IPython sees them, and their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from IPython.core.magic import Magics, magics_class, needs_local_scope, no_var_expand

from .dispatch import run_cell_magic, run_sub_command
from .magic_context import MagicContext
from .registry import Magic, cell_magics, help_text

__all__ = ["AxonMagics"]


@magics_class
class AxonMagics(MagicContext, Magics):
    """Settings of the Axon magics: ``%config AxonMagics.limit = 100``."""

    def __init__(self, shell: object) -> None:
        super().__init__(shell=shell)
        self.magics["line"]["axon"] = self._sub_commands()
        for name, magic in cell_magics().items():
            self.magics["line"][name] = self.magics["cell"][name] = self._function(magic)

    def _function(self, magic: Magic) -> Callable[..., object]:
        """Return the function that IPython calls for a line or a cell of *magic*."""

        @no_var_expand
        @needs_local_scope
        def function(
            line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None
        ) -> object:
            return run_cell_magic(self, magic, line, cell, local_ns)

        function.__name__ = magic.name
        function.__doc__ = help_text(magic.name)  # what `%axonsql?` shows
        found: Callable[..., object] = function
        return found

    def _sub_commands(self) -> Callable[..., object]:
        @no_var_expand
        @needs_local_scope
        def axon(line: str, local_ns: Mapping[str, object] | None = None) -> object:
            return run_sub_command(self, line, local_ns)

        axon.__doc__ = help_text()
        found: Callable[..., object] = axon
        return found
