"""Files and pictures that go with a prompt.

The agent cannot read the disk of the kernel, so files are embedded, or sent to its devbox;
addresses are passed on and never fetched here.
"""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ..errors import AgentError
from ..models import MAX_PAYLOAD_BYTES
from .parts import Audio, Image, Link, Part, Resource, Text
from .untrusted import Fields

__all__ = ["HOME", "Attachment", "SendFile", "check_size", "link_text", "prompt_parts"]

#: Where a Runloop devbox has its home; the embedded service maps it to the devbox's own.
HOME: Final = "/home/user"
#: Of an event, for what is not in files.
RESERVED: Final = 64 * 1024
#: First bytes of the pictures that models read.
PICTURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)

#: Puts a file into the agent's devbox and returns its path there.
SendFile = Callable[[str, bytes], str]


class Attachment(NamedTuple):
    """A file by its content, for :meth:`.session.AgentSession.prompt`."""

    name: str
    data: bytes


def prompt_parts(
    text: str, attachments: Iterable[Any], accepts: Collection[str], send: SendFile
) -> list[Part]:
    """Return the parts of a prompt.

    A file is embedded where the agent takes its kind and the event has room for it; else it is
    sent to the devbox, and the prompt names it.

    Args:
        text: What is asked.
        attachments: Paths, bytes, :class:`Attachment`, and addresses (texts with ``://``).
        accepts: What the agent takes: ``image``, ``audio``, ``resource``, ``document``.
        send: Puts a file into the devbox.

    Raises:
        AgentError: An attachment cannot be read, or cannot be sent to the devbox.
    """
    parts: list[Part] = [Text(text)] if text else []
    files: dict[int, Attachment] = {}
    for attachment in attachments:
        if isinstance(attachment, str) and "://" in attachment:
            parts.append(Link(attachment, attachment.rstrip("/").rpartition("/")[2] or attachment))
            continue
        file = _read(attachment)
        part = _embedded(file, accepts)
        files[len(parts)] = file
        parts.append(part or _sent(file, send))
    sizes = {at: len(msgspec.json.encode(parts[at])) for at in files}
    room = MAX_PAYLOAD_BYTES - RESERVED - len(text.encode())
    for at in sorted(sizes, key=lambda at: sizes[at], reverse=True):
        if sum(sizes.values()) <= room or isinstance(parts[at], Link):
            break
        parts[at] = _sent(files[at], send)
        sizes[at] = 0
    return parts


def link_text(link: Link) -> str:
    """Return a link for an agent that takes text alone."""
    path = link.uri.removeprefix(f"file://{HOME}/")
    return link.uri if path == link.uri else f"Attached file: ~/{path}"


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
        " carry: put the text into a file and attach it; nothing was sent"
    )


def _read(attachment: object) -> Attachment:
    if isinstance(attachment, Attachment):
        return attachment
    if isinstance(attachment, bytes | bytearray | memoryview):
        return Attachment("attachment", bytes(attachment))
    if not isinstance(attachment, str | os.PathLike):
        kind = type(attachment).__name__
        raise AgentError(f"an attachment is a path, bytes or an address with ://, not {kind}")
    path = Path(attachment).expanduser()
    try:
        return Attachment(path.name, path.read_bytes())
    except OSError as error:
        raise AgentError(f"the attachment {str(path)!r} cannot be read: {error.strerror}") from None


def _embedded(file: Attachment, accepts: Collection[str]) -> Part | None:
    """Return the file as a part of the prompt; ``None`` if the agent does not take its kind."""
    name, data = file
    mime = _mime(name, data)
    if mime.startswith("image/") and mime != "image/svg+xml":
        return Image(mime, _base64(data)) if "image" in accepts else None
    if mime.startswith("audio/"):
        return Audio(mime, _base64(data)) if "audio" in accepts else None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        takes = "resource" in accepts or ("document" in accepts and mime == "application/pdf")
        return Resource(_uri(name), mime, blob=_base64(data)) if takes else None
    if "resource" in accepts:
        return Resource(_uri(name), mime, text=text)
    return Text(f"{name}:\n```\n{text}\n```")


def _sent(file: Attachment, send: SendFile) -> Link:
    path = send(file.name, file.data)
    return Link(f"file://{path}", file.name, mime=_mime(*file), size=len(file.data))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


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
