"""Byte logs on disk, read as text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.local.devboxes.output_log import (
    LogWriter,
    append_note,
    read_chunk,
    read_tail,
)
from axon_notebook.models import OutputFrame

PIECES = st.one_of(
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=6),
    st.sampled_from(["€", "👩‍🚀", "\r", "\x1b[31m", "\r\n"]).map(str.encode),
)


def read_all(path: Path, *, size: int, complete: bool = True) -> list[OutputFrame]:
    fd = os.open(path, os.O_RDONLY)
    try:
        chunks, offset = [], 0
        while (chunk := read_chunk(fd, offset, complete=complete, size=size)) is not None:
            chunks.append(chunk)
            offset = chunk.offset or 0
        return chunks
    finally:
        os.close(fd)


@given(data=st.lists(PIECES).map(b"".join), size=st.integers(4, 12))
def test_chunks_of_any_size_join_to_the_text_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int
) -> None:
    """A split UTF-8 sequence would show as two wrong characters; the offset must stay true."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(data)

    chunks = read_all(path, size=size)

    assert "".join(c.output for c in chunks) == data.decode("utf-8", "replace")
    assert all(c.output for c in chunks)
    assert [c.offset for c in chunks][-1:] == ([len(data)] if data else [])


def test_an_unfinished_sequence_waits_until_the_log_is_complete(tmp_path: Path) -> None:
    """Its rest usually comes with the next write."""
    path = tmp_path / "log"
    path.write_bytes("a€".encode()[:-1])

    running = read_all(path, size=64, complete=False)
    ended = read_all(path, size=64, complete=True)

    assert [(c.output, c.offset) for c in running] == [("a", 1)]
    assert [(c.output, c.offset) for c in ended] == [("a�", 3)]


def test_a_log_at_its_limit_says_so_and_takes_nothing_more(tmp_path: Path) -> None:
    """A full disk helps nobody, and neither does output that stops without a word."""
    log = LogWriter(tmp_path / "log", limit=10)
    for data in (b"12345", b"67890", b"abc", b"def"):
        log.append(log.fitting(data))
    log.close()
    log.close()

    text = (tmp_path / "log").read_text()

    assert text.startswith("1234567890\n[axon-notebook: output limit of 10 bytes reached")
    assert "abc" not in text
    assert log.truncated


def test_a_log_that_ends_exactly_at_its_limit_is_whole(tmp_path: Path) -> None:
    """The note belongs to output that was dropped."""
    log = LogWriter(tmp_path / "log", limit=10)
    log.append(log.fitting(b"1234567890"))
    log.close()

    assert (tmp_path / "log").read_bytes() == b"1234567890"
    assert not log.truncated


@pytest.mark.parametrize(
    ("text", "lines", "expected", "truncated"),
    [
        pytest.param("", 100, "", False, id="empty"),
        pytest.param("a\nb\nc\n", 2, "b\nc\n", True, id="last two"),
        pytest.param("a\nb\nc", 2, "b\nc", True, id="unfinished last line"),
        pytest.param("a\nb\n", 2, "a\nb\n", False, id="exactly all"),
        pytest.param("\n\n\n", 2, "\n\n", True, id="empty lines count"),
        pytest.param("a\nb\n", 0, "", True, id="none wanted"),
        pytest.param("x" * 200_000 + "\nend\n", 1, "end\n", True, id="beyond one window"),
        pytest.param("€" * 50, 1, "€" * 50, False, id="not cut"),
    ],
)
def test_the_tail_is_the_last_lines(
    tmp_path: Path, text: str, lines: int, expected: str, truncated: bool
) -> None:
    """The SDK shows it as the result, and streams the rest only if it says truncated."""
    path = tmp_path / "log"
    path.write_text(text, "utf-8")

    assert read_tail(path, lines) == (expected, truncated)


def test_a_tail_of_one_endless_line_starts_at_a_character(tmp_path: Path) -> None:
    """A view has a size limit; cutting there must not produce a wrong character."""
    path = tmp_path / "log"
    path.write_text("€" * 100, "utf-8")

    tail = read_tail(path, 5, limit=100)

    assert tail == ("€" * 33, True)


@given(data=st.binary(max_size=400).map(lambda b: b.replace(b"\xff", b"\n")), n=st.integers(0, 8))
def test_the_tail_never_lies_about_being_whole(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, n: int
) -> None:
    """``truncated`` decides whether the SDK fetches the rest."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(data)

    tail = read_tail(path, n)

    assert tail.truncated == (tail.text != data.decode("utf-8", "replace"))
    assert data.decode("utf-8", "replace").endswith(tail.text)


def test_a_note_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    """It must not look like the command's own output."""
    path = tmp_path / "log"
    path.write_bytes(b"half a line")

    append_note(path, "lost")

    assert path.read_text() == "half a line\n[axon-notebook: lost]\n"
