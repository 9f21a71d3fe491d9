"""Texts that try to become markup, script, style or a link: what agents may read on the web."""

from __future__ import annotations

from itertools import product
from typing import Final

__all__ = ["HOSTILE", "MARK"]

#: Every attack, where it succeeds, leaves this behind: in a dialog, a request, a global.
MARK: Final = "axon_pwned"

_RUN: Final = f"alert('{MARK}')"
_URL: Final = f"https://{MARK}.example/x"

# What would run or load something, were it parsed as HTML.
_ELEMENTS: Final = (
    f"<script>{_RUN}</script>",
    f"<img src=x onerror={_RUN}>",
    f"<img src='{_URL}'>",
    f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}>",
    f"<iframe srcdoc='<script>{_RUN}</script>'></iframe>",
    f"<iframe src='{_URL}'></iframe>",
    f"<object data='{_URL}'></object>",
    f"<embed src='{_URL}'>",
    f"<link rel=stylesheet href='{_URL}'>",
    f"<style>@import '{_URL}';</style>",
    f"<base href='{_URL}'>",
    f"<meta http-equiv=refresh content='0;url={_URL}'>",
    f"<body onload={_RUN}>",
    f"<details open ontoggle={_RUN}>",
    f"<input autofocus onfocus={_RUN}>",
    f"<video><source onerror={_RUN}></video>",
    f"<audio src=x onerror={_RUN}>",
    f"<form action='{_URL}'><button>go</button></form>",
    f"<a href='javascript:{_RUN}'>here</a>",
    f"<marquee onstart={_RUN}>",
    f"<template><script>{_RUN}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>",
)

# Where a careless page would put a text: it breaks out of there first.
_WAYS_OUT: Final = ("", '">', "'>", "</td></tr></table>", "-->", "</textarea></title></style>")

# Not markup, but trouble in an attribute, a template, a style sheet, JSON, or to the eye.
_OTHERS: Final = (
    f"javascript:{_RUN}",
    f"data:text/html,<script>{_RUN}</script>",
    f'" onmouseover="{_RUN}',
    f"' onfocus='{_RUN}' autofocus='",
    f"`${{{_RUN}}}`",
    f"{{{{constructor.constructor('{_RUN}')()}}}}",
    f"<%= {_RUN} %>",
    f"]]><script>{_RUN}</script>",
    f"<![CDATA[<script>{_RUN}</script>]]>",
    f"\\u003cscript\\u003e{_RUN}\\u003c/script\\u003e",
    f"&lt;script&gt;{_RUN}&lt;/script&gt;",
    f"&#60;img src=x onerror={_RUN}&#62;",
    f"%3Cscript%3E{_RUN}%3C/script%3E",
    f"<scr\0ipt>{_RUN}</scr\0ipt>",
    f"\ufeff<script>{_RUN}</script>",
    f"＜script＞{_RUN}＜/script＞",
    f"expression({_RUN})",
    f"background:url('{_URL}')",
    f"\x1b]8;;javascript:{_RUN}\x07here\x1b]8;;\x07",
    f"\x1b]52;c;{MARK}\x07",
    "\u202egnp.exe",
    "\u2066\u2067\u2068\u2069\u200b\u200f",
    "\x00\x01\x08\x0b\x1f\x7f\x85\u2028\u2029",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "../../../etc/passwd",
    '{"__proto__": {"polluted": true}}',
    '"],"x":[',
    "\\",
    "'\"`<>&;=",
    "<!--",
    "<",
    "&",
    "\U0001f469\u200d\U0001f4bb" * 30,
    "a" * 70_000,
    "[" * 5_000,
)

HOSTILE: Final[tuple[str, ...]] = (
    *(way_out + element for way_out, element in product(_WAYS_OUT, _ELEMENTS)),
    *_OTHERS,
)
