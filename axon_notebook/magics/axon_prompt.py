"""``%%axon_prompt``: a cell for the agent behind the axon's broker."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import AgentError, ParameterError
from ..visible import visible
from .asking import ask
from .options import Option, checked_name
from .registry import Call, Magic
from .shell_session import label
from .status import STEP, StatusLine, Task

if TYPE_CHECKING:
    from ..agent_state import AgentState
    from ..agents.model import Entry
    from ..agents.session import AgentSession
    from ..agents.turn import Turn
    from ..axon import Axon
    from ..widgets.agent_chat import AgentChat
    from .magic_context import MagicContext

__all__ = ["MAGICS"]

T = TypeVar("T")

#: A page whose messages arrive while the cell runs sends one within this time.
HEARD_SECONDS: Final = 3.0
#: How often a devbox that is starting is asked for.
POLL_SECONDS: Final = 1.0
COLUMNS: Final = ("kind", "title", "text", "status", "seconds", "first_sequence", "last_sequence")

_OPTIONS: Final = (
    Option("--axon", "-a", "text", "AXON", "another axon, for this cell only", "axon"),
    Option(
        "--protocol",
        "",
        "text",
        "PROTOCOL",
        "acp (the usual) or claude, as in the mount",
        ("acp", "claude"),
    ),
    Option("--allow", "", "flag", "", "say yes to everything the agent asks for"),
    Option("--reject", "", "flag", "", "say no to everything the agent asks for"),
    Option("--text", "", "flag", "", "in a notebook, print plain text instead of the turn's view"),
    Option("--out", "-o", "text", "NAME", "assign the turn's trace to a variable", "variable"),
    Option("--quiet", "-q", "flag", "", "return nothing and show no status line"),
)

_DESCRIPTION: Final = """Send the cell to the agent behind the axon's broker and show the turn.

Examples::

    %%axon_prompt
    count the lines of *.py

    %%axon_prompt --allow -o events
    edit notes.txt: replace one with two

Returns the trace of the turn: a DataFrame with a row per message, tool call and question.
A notebook shows the turn, with buttons and fields where the agent asks; a terminal prints
what it says and asks you.  The stop button cancels the turn, not the agent.

An axon without an agent is an error; a devbox that is starting is waited for.
"""


def _prompt(call: Call) -> Any:
    """Run the magic; return the DataFrame of the turn's entries."""
    text = call.script("prompt").strip()
    if not text:
        raise ParameterError("there is no prompt: write it below %%axon_prompt")
    out = call.options.get("out") or call.name
    name = checked_name(out) if out else None
    frame = _turn(call, text)
    if name is not None:
        call.magics.namespace[name] = frame
    return None if "quiet" in call.options else frame


def _turn(call: Call, text: str) -> Any:
    from ..sql.frames import rows_frame

    magics, given = call.magics, call.options
    axon = call.axon()
    line = StatusLine(magics.shell, quiet="quiet" in given or not magics.feedback)
    session = _session(call, axon, line)
    turn = session.prompt(text)
    in_terminal = getattr(magics.shell, "kernel", None) is None
    if in_terminal or "text" in given:
        _print(session, turn, asks=in_terminal)
    else:
        _wait(turn, _show(magics, session, turn))
    entries = turn.entries
    line.done(f"{_mark(turn)} · {_counts(entries)} · {label(axon)}")
    return rows_frame([_row(entry) for entry in entries if entry.kind != "session"], COLUMNS)


# -- the agent


def _session(call: Call, axon: Axon, line: StatusLine) -> AgentSession:
    """Return the session; say what is waited for while its devbox starts."""
    from ..agent_state import agent_state
    from ..agents.protocols import NAMES

    given = call.options
    protocol, permissions = given.get("protocol", "acp"), _permissions(given)
    if protocol not in NAMES:
        raise AgentError(f"protocol {protocol!r} is not one of {', '.join(NAMES)}")
    state = _watched(line, lambda: agent_state(axon), "looking for the agent")
    while state.status == "starting":
        _watched(line, lambda: None, _awaited(state), least=POLL_SECONDS)
        state = _watched(line, lambda: agent_state(axon), _awaited(state))
    if not state.exists:
        raise AgentError(_no_agent(axon, state))
    work = lambda: call.magics.session.agent(axon, protocol, permissions)  # noqa: E731
    return _watched(line, work, _awaited(state))


def _no_agent(axon: Axon, state: AgentState) -> str:
    was = f"the agent of {label(axon)} has ended ({visible(state.reason)})"
    what = was if state.status == "ended" else f"the axon {label(axon)} has no agent"
    return f"{what}: start one with %axon agent BINARY, or client.start_agent(BINARY, axon=axon)"


def _awaited(state: AgentState) -> str:
    match state.status:
        case "starting":
            return f"waiting for the agent: {state.reason}"
        case "suspended":
            return "waiting for the agent: its devbox resumes"
    return "waiting for the agent's answer"


def _watched(line: StatusLine, work: Callable[[], T], text: str, *, least: float = 0.0) -> T:
    """Run *work* in a thread while the line says what is waited for; the stop button works."""
    task = Task(work, name="axon-agent")
    while not task.wait(STEP) or time.monotonic() - task.started < least:
        line.running(time.monotonic() - task.started, text)
    return task.result()


def _permissions(given: Mapping[str, Any]) -> str:
    if "allow" in given and "reject" in given:
        raise ParameterError("--allow and --reject exclude each other")
    return "allow" if "allow" in given else "reject" if "reject" in given else "ask"


# -- in a notebook


def _show(magics: MagicContext, session: AgentSession, turn: Turn) -> AgentChat:
    """Show the turn in this cell; the cell before keeps its own as HTML."""
    from IPython.display import display

    from ..widgets.agent_chat import AgentChat

    if magics.session.chat is not None:
        magics.session.chat.close()
    chat = magics.session.chat = AgentChat(session, turn=turn.sequence, height=420)
    display(chat)
    return chat


def _wait(turn: Turn, chat: AgentChat) -> None:
    """Wait for the end of the turn, and for answers where a page can send them meanwhile."""
    from ..agents.model import Question

    for update in turn:
        question = isinstance(update.entry, Question) and turn.question is update.entry
        if question and not chat.is_heard(HEARD_SECONDS):
            return  # no button reaches this kernel while a cell runs: the turn goes on without it


# -- in a terminal


def _print(session: AgentSession, turn: Turn, *, asks: bool) -> None:
    """Print what the agent says and does, as it comes; ask where it asks."""
    from ..agents.model import Message, Question, Tool

    titles: dict[int, str] = {}
    for update in turn:
        entry = update.entry
        if isinstance(entry, Message) and entry.role == "agent" and not entry.parent_id:
            sys.stdout.write(update.text)
        elif isinstance(entry, Tool) and entry.title and titles.get(entry.id) != entry.title:
            titles[entry.id] = entry.title
            inside = "  " if entry.parent_id else ""
            sys.stdout.write(f"\n{inside}[{visible(entry.title)}]\n")
        elif isinstance(entry, Question) and turn.question is entry:
            if not asks:
                sys.stdout.write(f"\n[the agent asks: {visible(entry.title)}]\n")
                break
            sys.stdout.flush()
            answer, confirmed = ask(entry)
            session.answer(entry, answer, confirm_secrets=confirmed)
        sys.stdout.flush()
    sys.stdout.write("\n")


# -- the result


def _row(entry: Entry) -> list[Any]:
    from ..agents.model import Message

    kind = entry.role if isinstance(entry, Message) else entry.kind
    started, ended = entry.started_ms, entry.ended_ms
    seconds = None if ended is None else (ended - started) / 1000
    place = [entry.first_sequence, entry.last_sequence]
    return [kind, entry.title, entry.text, entry.status, seconds, *place]


def _counts(entries: list[Entry]) -> str:
    counts = [
        f"{count:,} {noun}{'' if count == 1 else 's'}"
        for kind, noun in (("message", "message"), ("tool", "tool call"))
        if (count := sum(entry.kind == kind for entry in entries))
    ]
    return " · ".join(counts) or "no output"


def _mark(turn: Turn) -> str:
    if (question := turn.question) is not None:
        title = visible(question.title)
        return f"… the agent asks: {title}; answer with the buttons, the turn goes on then"
    return "✓ cancelled" if turn.cancelled else f"✓ {turn.state}"


MAGICS: Final = (
    Magic(
        "axon_prompt",
        "send the cell to the axon's agent",
        _prompt,
        _OPTIONS,
        language="text",
        description=_DESCRIPTION,
    ),
)
