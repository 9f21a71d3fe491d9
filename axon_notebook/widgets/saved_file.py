"""One HTML file with a widget in it: interactive, offline, without a kernel.

The file holds the widget's script, its traits and its state, and loads nothing: its content
security policy allows the one script by its hash, and no connection.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["saved_file"]

#: How a bundle ends: what it exports under which names.
_EXPORTS: Final = re.compile(r"export\s*\{([^}]*)\}\s*;?\s*$")

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="axon_notebook">
<title>{title}</title>
<style>body {{ margin: 8px; background: Canvas; font-family: system-ui, sans-serif }}</style>
</head>
<body>
<div id="widget"></div>
<script type="application/json" id="traits">{traits}</script>
<script type="text/plain" id="snapshot">{snapshot}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def saved_file(title: str, bundle: str, traits: Mapping[str, Any], snapshot: bytes) -> str:
    """Return the file as text.

    Args:
        title: The page's title.
        bundle: The widget's script, an ES module that exports ``default`` and ``mount``.
        traits: What the view reads, as JSON values.
        snapshot: The deflated state, as the ``_snapshot`` trait has it.
    """
    script = _mounted(bundle)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=html.escape(policy),
        title=html.escape(title),
        # Within a script element only "</script" and "<!--" have a meaning.
        traits=json.dumps(dict(traits)).replace("<", "\\u003c"),
        snapshot=base64.b64encode(snapshot).decode(),
        script=script,
    )


def _mounted(bundle: str) -> str:
    """Return the module with a call of ``mount(default)`` in place of its exports."""
    found = _EXPORTS.search(bundle)
    names = dict(re.findall(r"([\w$]+)\s+as\s+([\w$]+)", found[1])) if found else {}
    exported = {public: local for local, public in names.items()}
    if not {"default", "mount"} <= exported.keys() or "</script" in bundle.lower():
        raise ValueError("the bundle does not export what a saved file needs: build it anew")
    assert found is not None
    return f"{bundle[: found.start()]}{exported['mount']}({exported['default']});\n"
