"""Files and pictures that go with a prompt.

The agent cannot read the disk of the kernel, so files are embedded; addresses are passed on and
never fetched here.
"""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ..errors import AgentError
from ..models import MAX_PAYLOAD_BYTES
from .parts import Audio, Image, Link, Part, Resource, Text
from .untrusted import Fields

__all__ = ["check_size", "prompt_parts"]

#: First bytes of the pictures that models read.
PICTURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def prompt_parts(text: str, attachments: Iterable[Any], accepts: Collection[str]) -> list[Part]:
    """Return the parts of a prompt.

    Args:
        text: What is asked.
        attachments: Paths, bytes, and addresses (texts with ``://``).
        accepts: What the agent takes: ``image``, ``audio``, ``resource``, ``document``.

    Raises:
        AgentError: An attachment cannot be read, or the agent does not take its kind.
    """
    parts: list[Part] = [Text(text)] if text else []
    for attachment in attachments:
        if isinstance(attachment, str) and "://" in attachment:
            parts.append(Link(attachment, attachment.rstrip("/").rpartition("/")[2] or attachment))
            continue
        name, data = _read(attachment)
        parts.append(_embedded(name, data, accepts))
    return parts


def check_size(payload: Fields, attachments: Sequence[Any]) -> None:
    """Refuse a prompt that no event can carry, before anything is sent.

    Raises:
        AgentError: It is too large.
    """
    size = len(msgspec.json.encode(payload))
    if size <= MAX_PAYLOAD_BYTES:
        return
    what = f" with its {len(attachments)} attachments" if attachments else ""
    raise AgentError(
        f"the prompt{what} has {size:,} bytes, more than the {MAX_PAYLOAD_BYTES:,} an event can"
        " carry: attach smaller pictures or files, or an address; nothing was sent"
    )


def _read(attachment: object) -> tuple[str, bytes]:
    if isinstance(attachment, bytes | bytearray | memoryview):
        return "attachment", bytes(attachment)
    if not isinstance(attachment, str | os.PathLike):
        kind = type(attachment).__name__
        raise AgentError(f"an attachment is a path, bytes or an address with ://, not {kind}")
    path = Path(attachment).expanduser()
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise AgentError(f"the attachment {str(path)!r} cannot be read: {error.strerror}") from None


def _embedded(name: str, data: bytes, accepts: Collection[str]) -> Part:
    mime = _mime(name, data)
    encoded = base64.b64encode(data).decode()
    if mime.startswith("image/") and mime != "image/svg+xml":
        _need("image", name, accepts)
        return Image(mime, encoded)
    if mime.startswith("audio/"):
        _need("audio", name, accepts)
        return Audio(mime, encoded)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        if "document" not in accepts or mime != "application/pdf":
            _need("resource", name, accepts)
        return Resource(_uri(name), mime, blob=encoded)
    if "resource" in accepts:
        return Resource(_uri(name), mime, text=text)
    return Text(f"{name}:\n```\n{text}\n```")


def _need(kind: str, name: str, accepts: Collection[str]) -> None:
    if kind not in accepts:
        taken = ", ".join(sorted(accepts)) or "text only"
        raise AgentError(f"{name!r} cannot be attached: the agent takes {taken}, not {kind}")


def _mime(name: str, data: bytes) -> str:
    for start, mime in PICTURES:
        if data.startswith(start):
            return mime
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _uri(name: str) -> str:
    return f"attachment:///{name}"
