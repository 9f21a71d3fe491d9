"""Output of a command made safe for a terminal: text and colours, nothing else.

What a command prints may move the cursor, change the title, write to the clipboard
or ask the terminal to type an answer.  None of that belongs into an IPython session
that only shows a log.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TerminalText"]

#: Characters after which a control string (a title, a link) that does not end is given up.
STRING_LIMIT: Final = 4096

_STRING: Final = (
    rf"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x9c\n]{{0,{STRING_LIMIT}}}"
)

#: A complete control sequence or a single control character; the group holds colours.
_CONTROL: Final = re.compile(
    r"(?:\x1b\[|\x9b)([0-9:;]*)m"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    rf"|{_STRING}(?:\x07|\x18|\x1a|\x9c|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)

#: The beginning of a sequence whose rest may come with the next piece of text.
_BEGUN: Final = re.compile(rf"(?:\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?|\x9b[0-?]*[ -/]*|{_STRING}\x1b?)\Z")


class TerminalText:
    """Feed it the pieces of one stream; what comes back can be printed.

    Kept are text, line ends, tabs, carriage returns and colours (SGR sequences).
    A sequence may be split over pieces.  Time is linear in the text.
    """

    def __init__(self) -> None:
        self._begun = ""

    def feed(self, text: str) -> str:
        """Return what of *text*, and of what was held back, is fit to print."""
        text, self._begun = self._begun + text, ""
        # A sequence is never longer than this, so an earlier ESC cannot be an unfinished one.
        tail = max(0, len(text) - STRING_LIMIT - 4)
        if begun := _BEGUN.search(text, tail):
            text, self._begun = text[: begun.start()], begun[0]
        return _CONTROL.sub(_kept, text)


def _kept(sequence: re.Match[str]) -> str:
    colours = sequence[1]
    return "" if colours is None else f"\x1b[{colours}m"
