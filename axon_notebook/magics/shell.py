"""The magics as IPython sees them, and their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, CFloat, CInt, Enum, TraitError, Unicode
from traitlets.config import Configurable

from ..errors import AxonError
from ..sql.forms import FORMS
from . import axon, axon_prompt, axon_publish, axon_run, axonsql, commands
from .options import Parsed
from .session import Session
from .settings import outside_settings

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
        """Let errors show themselves whole where that is wished."""
        try:
            yield
        except AxonError as error:
            error.shown = error.shown or self.full_errors or "full_errors" in parsed.values
            raise

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def axonsql(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """See ``HELP``, which becomes this text."""
        return axonsql.run_axonsql(self, line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def axon_publish(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """See ``HELP``, which becomes this text."""
        return axon_publish.run_axon_publish(self, line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def axon_run(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """See ``HELP``, which becomes this text."""
        return axon_run.run_axon_run(self, line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def axon_prompt(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """See ``HELP``, which becomes this text."""
        return axon_prompt.run_axon_prompt(self, line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_magic("axon")  # type: ignore[arg-type] # IPython types its decorators for methods without a name
    def axon_command(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Any:
        """See ``help_text``, which becomes this text."""
        return axon.run_axon(self, line, local_ns)


# What `%axonsql?` shows; IPython's decorators leave plain functions, typed as less.
for _name, _help in {**commands.MAGIC_HELP, "axon_command": commands.overview()}.items():
    vars(AxonMagics)[_name].__doc__ = _help
