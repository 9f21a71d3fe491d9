"""The magics as IPython sees them, and their settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from IPython.core.magic import Magics, magics_class, needs_local_scope, no_var_expand
from traitlets import Bool, CFloat, CInt, Enum, TraitError, Unicode
from traitlets.config import Configurable

from ..errors import AxonError
from ..sql.forms import FORMS
from .dispatch import run_cell_magic, run_sub_command
from .options import Parsed
from .registry import Magic, cell_magics, help_text
from .settings import outside_settings
from .shell_session import Session

__all__ = ["AxonMagics"]


@magics_class
class AxonMagics(Magics, Configurable):
    """Settings of the Axon magics: ``%config AxonMagics.limit = 100``."""

    axon = Unicode("", help="The axon that is used when none was chosen.").tag(config=True)
    to = Enum(FORMS, "pandas", help="The form of results.").tag(config=True)
    limit = CInt(0, min=0, help="Rows of a SELECT at most; 0 is no limit.").tag(config=True)
    timeout = CFloat(0, min=0, help="Seconds of silence of the server; 0 is 60.").tag(config=True)
    dates = Bool(False, help="Read dates and …_ms columns as datetimes.").tag(config=True)
    feedback = Bool(True, help="Show the status line.").tag(config=True)
    full_errors = Bool(False, help="Errors with the whole Python traceback.").tag(config=True)
    prefetch_schema = Bool(True, help="Fetch tables and columns ahead.").tag(config=True)
    publish_source = Unicode("notebook", help="The source of published events.").tag(config=True)
    publish_origin = Unicode("USER_EVENT", help="The origin of published events.").tag(config=True)

    def __init__(self, shell: Any) -> None:
        Configurable.__init__(self, config=shell.config)
        Magics.__init__(self, shell)
        self.magics["line"]["axon"] = self._sub_commands()
        for name, magic in cell_magics().items():
            self.magics["line"][name] = self.magics["cell"][name] = self._function(magic)
        self.session = Session()
        self.complaints = self._take_outside_settings()

    def _take_outside_settings(self) -> list[str]:
        """Fill in what project and environment say, under what IPython's own config says."""
        names = self.trait_names(config=True)
        found = outside_settings(names)
        configured = self.config.get("AxonMagics", {})
        for name, value in found.values.items():
            if name in configured:
                continue
            try:
                setattr(self, name, str(value) if name == "axon" else value)
            except TraitError as error:
                found.complaints.append(f"{found.source[name]}: {error}")
        return found.complaints

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's variables."""
        shell: Any = self.shell
        variables: dict[str, Any] = shell.user_ns
        return variables

    @property
    def hidden_names(self) -> dict[str, Any]:
        """What IPython itself put among the variables."""
        shell: Any = self.shell
        names: dict[str, Any] = shell.user_ns_hidden
        return names

    @contextmanager
    def errors_of(self, parsed: Parsed) -> Iterator[None]:
        """Mark errors to be shown with their traceback, where an option asks for it."""
        try:
            yield
        except AxonError as error:
            error.shown = error.shown or self.full_errors or "full_errors" in parsed.values
            raise

    def _function(self, magic: Magic) -> Callable[..., Any]:
        """Return the function that IPython calls for a line or a cell of *magic*."""

        @no_var_expand
        @needs_local_scope
        def function(
            line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
        ) -> Any:
            return run_cell_magic(self, magic, line, cell, local_ns)

        function.__name__ = magic.name
        function.__doc__ = help_text(magic.name)  # what `%axonsql?` shows
        found: Callable[..., Any] = function
        return found

    def _sub_commands(self) -> Callable[..., Any]:
        @no_var_expand
        @needs_local_scope
        def axon(line: str, local_ns: Mapping[str, Any] | None = None) -> Any:
            return run_sub_command(self, line, local_ns)

        axon.__doc__ = help_text()
        found: Callable[..., Any] = axon
        return found
