"""``%%axon_prompt``: a cell for the agent behind the axon's broker."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from ..visible import visible
from .options import Option, checked_name
from .registry import Call, Magic
from .shell_session import label
from .status import StatusLine

if TYPE_CHECKING:
    from ..agents.model import Question
    from ..agents.session import AgentSession
    from ..agents.turn import Turn
    from .shell import AxonMagics

__all__ = ["MAGICS"]

#: Events of one turn that the returned DataFrame has at most.
MOST_EVENTS: Final = 100_000

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
    Option("--text", "", "flag", "", "in a notebook, print plain text instead of the chat"),
    Option("--out", "-o", "text", "NAME", "assign the turn's events to a variable", "variable"),
    Option("--quiet", "-q", "flag", "", "return nothing and show no status line"),
)

_DESCRIPTION: Final = """Send the cell to the agent behind the axon's broker and show the turn.

Examples::

    %%axon_prompt
    count the lines of *.py

    %%axon_prompt --allow -o events
    edit notes.txt: replace one with two

Returns a DataFrame of the turn's events.  A notebook shows the conversation, with
buttons where the agent asks for permission; a terminal prints what it says and asks
you.  The stop button cancels the turn, not the agent.
"""


def _prompt(call: Call) -> Any:
    """Run the magic; return the DataFrame of the turn's events."""
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
    magics, given = call.magics, call.options
    axon = call.axon()
    session = magics.session.agent(axon, given.get("protocol", "acp"), _permissions(given))
    in_terminal = getattr(magics.shell, "kernel", None) is None
    if in_terminal or "text" in given:
        turn = session.prompt(text)
        _print(session, turn, asks=in_terminal)
    else:
        _show(magics, session)
        turn = session.prompt(text)
        _wait(turn)
    line = StatusLine(magics.shell, quiet="quiet" in given or not magics.feedback)
    last = max([turn.sequence, *(update.sequence for update in turn.updates)])
    frame = axon.events(MOST_EVENTS, after_sequence=turn.sequence - 1)
    frame = frame[frame["sequence"] <= last].reset_index(drop=True)
    line.done(f"{_mark(turn)} · {len(frame):,} events · {label(axon)}")
    return frame


def _permissions(given: Mapping[str, Any]) -> str:
    if "allow" in given and "reject" in given:
        raise ParameterError("--allow and --reject exclude each other")
    return "allow" if "allow" in given else "reject" if "reject" in given else "ask"


def _show(magics: AxonMagics, session: AgentSession) -> None:
    """Show the conversation in this cell; the cell before keeps it as HTML."""
    from IPython.display import display

    from ..widgets.agent_chat import AgentChat

    if magics.session.chat is not None:
        magics.session.chat.close()
    magics.session.chat = AgentChat(session, height=420)
    display(magics.session.chat)


def _wait(turn: Turn) -> None:
    """Wait for the end of the turn, or for a question that only a person can answer."""
    from ..errors import AgentError, TurnFailed

    try:
        turn.result()
    except TurnFailed:
        raise
    except AgentError:
        return  # the chat shows the question and its buttons; a busy kernel could not hear them


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
            sys.stdout.write(f"\n[{visible(entry.title)}]\n")
        elif isinstance(entry, Question) and turn.question is entry:
            if not asks or entry.question_kind != "permission":
                sys.stdout.write(f"\n[the agent asks: {visible(entry.title)}]\n")
                break
            _decide(session, entry)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _decide(session: AgentSession, question: Question) -> None:
    answer = input(f"\nAllow {visible(question.title)}? [y/N] ")
    if answer.strip().lower() in ("y", "yes"):
        session.allow(question)
    else:
        session.reject(question)


def _mark(turn: Turn) -> str:
    if (question := turn.question) is not None:
        return f"… the agent asks: {question.title}"
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
