"""What a call of a magic works with: the settings, the session, the user's variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from traitlets import Bool, CFloat, CInt, Enum, TraitError, Unicode
from traitlets.config import Configurable

from ..errors import AxonError
from ..sql.forms import FORMS
from .options import Parsed
from .settings import outside_settings
from .shell_session import Session

__all__ = ["MagicContext"]


class MagicContext(Configurable):
    """Settings of the Axon magics, and what they share in one shell: the running IPython."""

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

    shell: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
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
        variables: dict[str, Any] = self.shell.user_ns
        return variables

    @property
    def hidden_names(self) -> dict[str, Any]:
        """What IPython itself put among the variables."""
        names: dict[str, Any] = self.shell.user_ns_hidden
        return names

    @contextmanager
    def errors_of(self, parsed: Parsed) -> Iterator[None]:
        """Mark errors to be shown with their traceback, where an option asks for it."""
        try:
            yield
        except AxonError as error:
            error.shown = error.shown or self.full_errors or "full_errors" in parsed.values
            raise
