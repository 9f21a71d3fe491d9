"""What ``axon-notebook doctor`` finds: one line, and one on how to fix it."""

from __future__ import annotations

import msgspec

__all__ = ["Finding"]


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; ``remedy`` says what to do if it is not fine."""

    subject: str
    fine: bool
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{'ok ' if self.fine else 'BAD'}  {self.subject:<12} {self.what}"
        return f"{line}\n     {'':<12} → {self.remedy}" if self.remedy and not self.fine else line
