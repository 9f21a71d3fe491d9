"""What the demo agent can do: files, commands, queries."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ..process.launcher import find_service
from .demo_session import DemoSession, ToolCall, diff_content, text_content

__all__ = ["count_lines", "edit_file", "list_files", "run_command", "run_sql", "talk"]

#: Characters of output that are shown; more would only scroll by.
SHOWN: Final = 4000
MOST_FILES: Final = 200


async def list_files(session: DemoSession, folder: str) -> None:
    """List a folder."""
    where = session.directory / folder
    async with session.tool(f"List {folder or 'the folder'}", "read") as call:
        names = sorted(path.name + "/" * path.is_dir() for path in where.iterdir())
        call.show(text_content("\n".join(names[:MOST_FILES]) or "(nothing)"))
    found = "is 1 entry" if len(names) == 1 else f"are {len(names)} entries"
    await session.say(f"There {found}.")


async def count_lines(session: DemoSession, pattern: str) -> None:
    """Count the lines of files, in three steps."""
    steps = ["Find the files", "Count their lines", "Tell the result"]
    session.plan(steps, 0)
    files = [path for path in sorted(session.directory.rglob(pattern or "*")) if path.is_file()]
    session.plan(steps, 1)
    counts: dict[str, int] = {}
    for path in files[:MOST_FILES]:
        name = str(path.relative_to(session.directory))
        async with session.tool(f"Read {name}", "read") as call:
            counts[name] = path.read_bytes().count(b"\n")
            call.show(text_content(f"{counts[name]} lines"))
    session.plan(steps, 2)
    longest = max(counts, key=lambda name: counts[name], default=None)
    more = f" The longest is {longest} with {counts[longest]}." if longest else ""
    files_have = "1 file has" if len(counts) == 1 else f"{len(counts)} files have"
    total = sum(counts.values())
    await session.say(f"{files_have} {total} {'line' if total == 1 else 'lines'}.{more}")
    session.plan(steps, 3)


async def run_command(session: DemoSession, command: str) -> None:
    """Run a shell command, after asking."""
    title = f"Run {command}"
    async with session.tool(title, "execute", rawInput={"command": command}) as call:
        await session.ask(call, "execute", title, text_content(f"$ {command}"))
        status, output = await _run(session, call, command)
        call.show(text_content(output[-SHOWN:] or "(no output)"), rawOutput={"exit_status": status})
    await session.say(f"The command ended with exit status {status}.")


async def run_sql(session: DemoSession, query: str) -> None:
    """Run a query on the axon this agent is joined to."""
    async with session.tool("Query the axon", "search", rawInput={"sql": query}) as call:
        result = await asyncio.to_thread(_query, query)
        rows = [" | ".join(str(value) for value in row) for row in result["rows"]]
        names = " | ".join(column["name"] for column in result["columns"])
        call.show(text_content("\n".join([names, *rows])[:SHOWN]), rawOutput=result)
    await session.say(f"The query returned {len(rows)} rows.")


async def edit_file(session: DemoSession, request: str) -> None:
    """Write a file, after showing the difference and asking."""
    name, _, text = request.partition(":")
    path = session.directory / name.strip()
    if not name.strip() or not text.strip():
        await session.say("Tell me the file and its new text: edit FILE: TEXT")
        return
    before = path.read_text("utf-8") if path.exists() else None
    diff = diff_content(path, f"{text.strip()}\n", before)
    title = f"Edit {name.strip()}"
    async with session.tool(title, "edit", content=[diff]) as call:
        await session.ask(call, "edit", title, diff)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text.strip()}\n", "utf-8")
    await session.say(f"I have written {name.strip()}.")


async def talk(session: DemoSession, words: str) -> None:
    """Say the numbers up to *words*, five a second."""
    for number in range(1, (int(words) if words.isdigit() else 100) + 1):
        await session.say(f"{number} ", pace=0.2)


async def _run(session: DemoSession, call: ToolCall, command: str) -> tuple[int, str]:
    """Run *command* to its end, showing its output as it grows."""
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=session.directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    output = ""
    try:
        while chunk := await process.stdout.read(65536):
            output += chunk.decode("utf-8", "replace")
            call.show(text_content(output[-SHOWN:]))
        return await process.wait(), output
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _query(sql: str) -> dict[str, Any]:
    """Ask the service; blocks.

    Raises:
        OSError: There is no service or no axon to ask, or it refused.
    """
    home, axon_id = os.environ.get("AXON_NOTEBOOK_HOME"), os.environ.get("AXON_ID")
    address = find_service(Path(home)) if home and axon_id else None
    if address is None:
        raise OSError("I was not told of an axon: start me with a broker_mount")
    parts = urlsplit(address.base_url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    headers = {
        "Authorization": f"Bearer {address.token.reveal()}",
        "Content-Type": "application/json",
    }
    with contextlib.closing(connection):
        body = msgspec.json.encode({"sql": sql})
        connection.request("POST", f"/v1/axons/{axon_id}/sql/query", body, headers)
        answer = connection.getresponse()
        content: dict[str, Any] = msgspec.json.decode(answer.read())
    if answer.status != 200:
        raise OSError(content.get("message", f"the service answered {answer.status}"))
    return content
