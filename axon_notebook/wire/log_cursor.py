"""Where a reader stands in the log of a command: pure, no socket, no clock.

A stream of output comes in chunks of text, each with an ``offset``.  The API
does not say whether that is the position of the chunk's first byte or the one
after its last; a :class:`LogCursor` finds out.  Over any number of connections
it gives each byte once, in order, or says how many are missing.

Text is not bytes: where the server replaced bytes that are not UTF-8, a chunk
does not tell how long it was, and only one of its ends is known.  Where that is
the start, the next connection begins there again, and the text that is known
already is recognised by its characters.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import msgspec

from ..models import OutputChunk, OutputFrame

__all__ = ["LogCursor"]

REPLACED: Final = "\ufffd"  # stands for one to three bytes

Convention = Literal["start", "end"]


class LogCursor:
    """The position in one stream of one command; used by one thread, holds no lock.

    Args:
        stream: ``"stdout"`` or ``"stderr"``: what its chunks are called.
        offset: Position of the first byte wanted.

    Attributes:
        position: Where the next connection starts, in bytes.
        convention: What the server's ``offset`` names, the ``"start"`` or the ``"end"``
            of a chunk; ``None`` until that shows.
        missing: Bytes declared missing so far.
        repeated: Characters that came again and were dropped.
    """

    def __init__(self, stream: str, offset: int = 0) -> None:
        self.stream = stream
        self.position = offset
        self.convention: Convention | None = None
        self.missing = 0
        self.repeated = 0
        self._given = ""  # text from `position` on that was given already
        self._expected = ""  # the part of it that this connection has still to repeat
        self._half = ""  # the first half of a surrogate pair; the next chunk has the second
        self._last: tuple[int, _Size] | None = None  # the chunk before, on this connection

    def opened(self) -> None:
        """A connection was made that starts at ``position``."""
        self._expected = self._given
        self._last = None
        if self._given:
            self._half = ""

    def take(self, frame: OutputFrame) -> OutputChunk | None:
        """Return what is new in *frame*, or ``None`` if nothing is."""
        text, size = self._joined(frame.output)
        if not text:
            return None
        chunk = self._take(frame.offset, text, size)
        if chunk is None or frame.order is None or len(chunk.text) < len(text):
            return chunk
        return msgspec.structs.replace(chunk, order=frame.order)

    def _take(self, offset: int | None, text: str, size: _Size) -> OutputChunk | None:
        if offset is None:  # nothing to compare with: believe that nothing is missing
            self.position += size.least
            return self._chunk(self.position - size.least, text)
        if self.convention is None:
            self._find_convention(offset, size)
        self._last = offset, size
        if self.convention == "start":
            return self._take_from(offset, text, size)
        if self.convention == "end":
            return self._take_up_to(offset, text, size)
        return self._take_blindly(offset, text, size)

    def _find_convention(self, offset: int, size: _Size) -> None:
        if self._last is None:
            # An end is neither at the beginning nor nearer to it than its chunk is long.
            is_start = offset <= self.position or offset < size.least
            is_end = not is_start and offset <= self.position + size.most
        else:
            before, previous = self._last
            is_start = previous.contains(offset - before)
            is_end = size.contains(offset - before)
        if is_start != is_end:
            self.convention = "start" if is_start else "end"
        if self.convention == "end":
            self._given = self._expected = ""

    def _take_from(self, start: int, text: str, size: _Size) -> OutputChunk | None:
        """Take a chunk whose first byte is at *start*."""
        known = _size_of(self._given)
        if self._expected and self.position <= start <= self.position + known.most:
            known_again = min(len(self._expected), len(text))
            self._expected = self._expected[known_again:]
            self._stand_after(start, text, size)
            self.repeated += known_again
            return self._chunk(start, text[known_again:]) if text[known_again:] else None
        missing = max(0, start - self.position - known.most)
        overlap = max(0, self.position + known.least - start)
        if overlap >= size.most:
            self.repeated += len(text)
            return None
        self._expected = ""
        self._stand_after(start, text, size)
        fresh = _without_bytes(text, overlap)
        self.repeated += len(text) - len(fresh)
        return self._chunk(start + overlap, fresh, missing) if fresh else None

    def _stand_after(self, start: int, text: str, size: _Size) -> None:
        """Everything up to the end of a chunk was given, and what is still expected."""
        if size.exact:
            self.position, self._given = start + size.least, self._expected
        else:
            self.position, self._given = start, text + self._expected

    def _take_up_to(self, end: int, text: str, size: _Size) -> OutputChunk | None:
        """Take a chunk whose last byte is just before *end*."""
        start, new = self.position, end - self.position
        if new <= 0:
            self.repeated += len(text)
            return None
        self.position = end
        if new > size.most:
            return self._chunk(end - size.most, text, new - size.most, size=size.most)
        fresh = text if new >= size.least else _last_bytes(text, new)
        self.repeated += len(text) - len(fresh)
        return self._chunk(start, fresh, size=new)

    def _take_blindly(self, offset: int, text: str, size: _Size) -> OutputChunk:
        """Take a chunk behind a hole, before it is known which of its ends *offset* is.

        The next connection starts at *offset*, as Runloop's own clients do; if that
        repeats this chunk, its characters tell.
        """
        start, missing = offset - size.most, max(0, offset - size.most - self.position)
        self.position, self._given, self._expected = offset, text, ""
        return self._chunk(start, text, missing)

    def _chunk(
        self, offset: int, text: str, missing: int = 0, *, size: int | None = None
    ) -> OutputChunk:
        self.missing += missing
        known = _size_of(text).least if size is None else size
        return OutputChunk(self.stream, offset, text, missing, known)

    def _joined(self, text: str) -> tuple[str, _Size]:
        """Join a surrogate pair that was split over two chunks; replace what has no partner."""
        loose = 4 if self._half else 0
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half, loose = text[:-1], text[-1], 4
        try:
            least, most = _size_of(text)
        except UnicodeEncodeError:  # half of a surrogate pair cannot be encoded
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            least, most = _size_of(text)
        return text, _Size(max(0, least - loose), most + loose)


class _Size(NamedTuple):
    """How many bytes a text was, at least and at most."""

    least: int
    most: int

    @property
    def exact(self) -> bool:
        """Whether that is one number."""
        return self.least == self.most

    def contains(self, size: int) -> bool:
        """Whether the text may have been *size* bytes."""
        return self.least <= size <= self.most


def _size_of(text: str) -> _Size:
    size = len(text.encode())
    replaced = text.count(REPLACED)
    return _Size(size - 2 * replaced, size)


def _without_bytes(text: str, count: int) -> str:
    """Return *text* without its first *count* bytes; a replaced byte counts as one."""
    for place, character in enumerate(text):
        if count <= 0:
            return text[place:]
        count -= _size_of(character).least
    return ""


def _last_bytes(text: str, count: int) -> str:
    """Return the last *count* bytes of *text*; a replaced byte counts as one."""
    place = len(text)
    while place > 0 and count > 0:
        place -= 1
        count -= _size_of(text[place]).least
    return text[place:]
