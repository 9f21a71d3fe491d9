"""Turn the markup that docstrings share with ``help()`` into Markdown, for the reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|meth|func|attr|mod|data|exc):`[~.!]*([^`]+)`")
#: A paragraph that ends in two colons introduces the block that follows it.
COLONS = re.compile(r"^(?P<text>.*?)\s*::$", re.MULTILINE)


class Markup(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Take the docstring of *obj*, which may have none."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """Return *text* with roles as code, and without the colons that end a paragraph twice."""
    text = ROLE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", text)
    return COLONS.sub(lambda found: f"{found['text']}:" if found["text"].strip() else "", text)
