"""Settings: where to connect, with which key; the key is kept out of every output.

The environment is read here and nowhere else: ``RUNLOOP_API_KEY`` and
``RUNLOOP_BASE_URL`` as in Runloop's own SDKs, ``AXON_NOTEBOOK_HOME`` for the
embedded service's data.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import msgspec

from .errors import ConfigError

__all__ = ["RUNLOOP_URL", "Secret", "Settings", "home_directory", "is_loopback"]

RUNLOOP_URL: Final = "https://api.runloop.ai"


class Secret:
    """A text that shows as ``***`` in every form but :meth:`reveal`.

    It cannot be pickled or copied into JSON; ``reveal`` is called only where
    the ``Authorization`` header is built.
    """

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        # A closure: no attribute, `vars` or debugger view of the object holds the text.
        self._reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._reveal()

    def __bool__(self) -> bool:
        return bool(self._reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._reveal() == self._reveal()

    def __hash__(self) -> int:
        return hash(self._reveal())

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; pass the settings without it")


class Settings(msgspec.Struct, frozen=True):
    """Where to connect and with which key.

    ``local`` means the embedded service of ``home``: its URL and token are
    found (or made) when the connection is opened, so both are ``None`` here.
    ``key_source`` names where the key came from, never the key.
    """

    base_url: str | None
    api_key: Secret | None
    home: Path
    key_source: str | None = None

    @property
    def local(self) -> bool:
        """Whether this means the embedded service."""
        return self.base_url is None

    @classmethod
    def resolve(
        cls,
        base_url: str | None = None,
        *,
        api_key: str | Secret | None = None,
        home: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Settings:
        """Combine arguments with the environment; arguments win.

        A *home* given here asks for the embedded service, whatever key the
        environment holds.

        Raises:
            ConfigError: If the URL is not a valid http(s) URL, is ``http://`` to another
                machine, or is given without a key.
        """
        env = os.environ if environ is None else environ
        where = home_directory(home, environ=env)
        source = "the api_key argument" if api_key else None
        if home is not None and base_url is None and api_key is None:
            return cls(None, None, where)
        if not api_key and (from_env := env.get("RUNLOOP_API_KEY", "").strip()):
            api_key, source = from_env, "RUNLOOP_API_KEY"
        url = base_url or env.get("RUNLOOP_BASE_URL", "").strip() or None
        if not api_key:
            if url is None:
                return cls(None, None, where)
            raise ConfigError(f"no key for {url}: set RUNLOOP_API_KEY, or leave out the base URL")
        secret = api_key if isinstance(api_key, Secret) else Secret(api_key)
        if not secret.reveal().isascii() or not secret.reveal().isprintable():
            raise ConfigError(
                f"the key from {source} has characters no header can carry: copy it again"
            )
        return cls(checked_url(url or RUNLOOP_URL), secret, where, source)


def home_directory(
    home: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Path:
    """Return where the embedded service keeps its data.

    *home*, else ``AXON_NOTEBOOK_HOME``, else the platform's user data directory.
    """
    env = os.environ if environ is None else environ
    if chosen := home or env.get("AXON_NOTEBOOK_HOME"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("axon-notebook", appauthor=False))


def is_loopback(host: str | None) -> bool:
    """Whether *host* can only mean this machine."""
    if host in (None, ""):
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def checked_url(url: str) -> str:
    """Return *url* without a trailing slash, or raise :class:`ConfigError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"base URL {url!r} is not a valid http(s) URL: expected one like {RUNLOOP_URL}"
        )
    if parts.username or parts.password:
        raise ConfigError(
            "the base URL carries a user or password: pass the key as api_key instead"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(
            f"http:// to {parts.hostname} would send the key unprotected: use https://"
        )
    return url.rstrip("/")
