"""A filter means the same in the page and in the kernel: generated filters, both answers."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hatch_build
from axon_notebook.errors import ParameterError
from axon_notebook.filtering.event_filter import EventFilter
from axon_notebook.models import AxonEvent

JS = Path(__file__).parents[2] / "js"
ZONE = -330  # minutes; not whole hours, and a day's end within the day

Answer = str | list[int]

#: Of axons by their ids.
NAMES = {"axn_1": "nightly-1", "axn_2": "Größe, 2", "axn_3": "", "AXN_4": "a*b"}

LETTERS = "abkKsSiIöÖßẞµμΜσςΣıİſ\u212aéÉ😀𐐀𐐨ǅ"
BLANKS = " \t\n\u00a0\u2028\ufeff\x85\x1c"
NUMBERS = [
    "0", "-0", "1", "1.0", "10e-1", "7", "0.1", "0.10", "1e400", "-1e-400", "9007199254740992",
    "9007199254740993", "6500328718134052119", "6500328718134052120", "1e99999999999", "12.50",
    "123456789012345678901234567890", "-5", "+5", ".5", "5.", "0x10", "Infinity", "NaN", "1_0", "٣",
]  # fmt: skip
KEYS = ["n", "a", "b", "tags", "user", "id", "payload", "größe", "0", "1", "00", "__proto__", "𐐀"]
TIMES = [
    "10:02", "9:2", "24:00", "23:59:59.999", "00:00", "2026-11-22", "20261122", "2026-02-30",
    "2026-11-22T10:02", '"2026-11-22 10:02"', "2026-11-22T10:02:03.5Z", "2026-11-22T10:02+05:30",
    "2026-11-22T10:02-0130", "0099-01-01", "2026-W01", "noon", "2024-02-29", "2026-11-22T24:00",
]  # fmt: skip


class Maker:
    """Makes filters that people could write, and payloads for which they matter."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, most: int = 5) -> str:
        alphabet = LETTERS + BLANKS + '019_-.,:;/\\"\x00\x1f\x7f\u0660'
        return "".join(self._random.choices(alphabet, k=self._random.randint(0, most)))

    def pick(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def key(self) -> str:
        return self.pick("n", "a", *KEYS) if self._random.random() < 0.5 else self.pick("n", "a")

    def number(self) -> str:
        return self.pick(*NUMBERS)

    def json(self, depth: int = 3) -> str:
        """A JSON text, sometimes with blanks, escapes and numbers of every form."""
        kind = self._random.random()
        if depth and kind < 0.25:
            parts = [self.json(depth - 1) for _ in range(self._random.randint(0, 3))]
            return f"[{self.pick(',', ' , ').join(parts)}]"
        if depth and kind < 0.65:
            pairs = [
                f"{self.quoted(self.key())}:{self.json(depth - 1)}"
                for _ in range(self._random.randint(0, 4))
            ]
            return "{" + self.pick(",", ", ").join(pairs) + "}"
        if kind < 0.85:
            return self.number()
        if kind < 0.9:
            return self.pick("true", "false", "null", '"\\u0001x"', '"\\ud800"', "nul")
        return self.quoted(self.text())

    def quoted(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self.pick(True, False))

    def event(self, sequence: int) -> AxonEvent:
        plain = f'{{"n":{self.number()},"a":{self.json(1)}}}'
        payload = self.pick(self.json(), plain, plain, self.text(30))
        deep = "[" * 501 + "7" + "]" * self.pick(501, 500)
        return AxonEvent(
            sequence=sequence,
            axon_id=self.pick(*NAMES, "axn_5"),
            timestamp_ms=self._random.randint(1_700_000_000_000, 1_800_000_000_000),
            origin=self.pick("USER_EVENT", "AGENT_EVENT", "SYSTEM_EVENT"),
            source=self.pick("ci", "Größe", f"s{self.text()}"),
            event_type=self.pick("tool.call", "turn.started", "a*b", f"t{self.text()}"),
            payload=self.pick(payload, payload, payload, '{"n":7}', f'{{"n":{deep}}}', ""),
        )

    def atom(self, depth: int) -> str:
        if depth and self._random.random() < 0.3:
            inside = "|".join(self.expression(depth - 1) for _ in range(self._random.randint(1, 3)))
            return f"{self.pick('(', '(?:', '(?<n>', '(?=', '(?i')}{inside})"
        return self.pick(
            *LETTERS, *"aaan19:",
            ".", "^", "$", r"\b", r"\B", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\n",
            r"\x41", r"\u00e9", r"\u{1F600}", r"\ud83d", r"\1", r"\p", r"\.", r"\-", "[a-k]",
            "[^a-k]", r"[\w-]", r"[^\W_]", "[é-ö]", "[]", "[k", "{", "{2}", "}", ")", "[a-\\d]",
            '"',
        )  # fmt: skip

    def expression(self, depth: int = 2) -> str:
        often = ["", "", "", "", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"]
        quantifiers = [*often, self.pick("{3,1}", "{,2}", "**", "")]
        return "".join(
            self.atom(depth) + self.pick(*quantifiers) for _ in range(self._random.randint(1, 4))
        )

    def term(self) -> str:
        quoted = json.dumps(self.text(), ensure_ascii=False)
        path = self.pick(".", "[]", "*").join(self.key() for _ in range(self._random.randint(1, 3)))
        path = self.pick(path, path, f"payload.{path}", path.replace("[]", "[0]."))
        operator = self.pick("=", "!=", ">", ">=", "<", "<=", "~")
        value = self.pick(self.number(), self.number(), self.text(), quoted, self.json(1))
        glob = "*".join(self.text(3) for _ in range(self._random.randint(1, 3)))
        return self.pick(
            self.text(),
            quoted,
            f"/{self.expression()}/{self.pick('', 'i', 'm', 's', 'im', 'g')}",
            f"/{self.expression()}/{self.pick('', 'i', 'm', 's', 'im', 'g')}",
            f"{path}{operator}{value}",
            f"{path}{operator}{value}",
            f"{self.pick('after', 'before')}:{self.pick(*TIMES)}",
            f"{self.pick('type', 'source', 'origin')}:{self.pick(glob, glob + ',turn*', 'agent')}",
            f"axon:{self.pick(*NAMES, *NAMES.values(), 'NIGHT*', 'axn_*', '*ö*,axn_3', glob)}",
            f"seq:{self.pick('1', '..2', '2..', '2..3', '..', 'x', '1234567890123456', '1.2')}",
        )

    def case(self) -> tuple[str, list[AxonEvent]]:
        terms = [
            self.pick("", "", "", "-") + self.term() for _ in range(self.pick(1, 1, 1, 1, 2, 3))
        ]
        return self.pick(" ", *BLANKS).join(terms), [self.event(n) for n in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's filter as a program for Node."""
    out = tmp_path_factory.mktemp("page") / "answer.mjs"
    node, _ = hatch_build.node_and_npm()
    script = "import('esbuild').then(({ build }) => build(JSON.parse(process.argv[1])))"
    options = {
        "bundle": True,
        "platform": "node",
        "format": "esm",
        "entryPoints": ["tests/filter/answer.ts"],
        "outfile": str(out),
    }
    subprocess.run([node, "-e", script, json.dumps(options)], cwd=JS, check=True, timeout=60)
    return out


def in_page(page: Path, cases: list[tuple[str, list[AxonEvent]]]) -> list[Answer]:
    node, _ = hatch_build.node_and_npm()
    question = {
        "tz_offset_min": ZONE,
        "names": NAMES,
        "cases": [{"filter": text, "events": events} for text, events in cases],
    }
    done = subprocess.run(
        [node, str(page)], input=msgspec.json.encode(question), capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=list[Answer])


def in_kernel(text: str, events: list[AxonEvent]) -> Answer:
    try:
        passes = EventFilter(text, tz_offset_min=ZONE, names=NAMES).test
    except ParameterError as error:
        return str(error).removeprefix("filter: ")
    return [event.sequence for event in events if passes(event)]


@pytest.mark.parametrize(
    "count",
    [400, pytest.param(20_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
def test_generated_filters_are_answered_alike(page: Path, count: int) -> None:
    """``viewer.filtered()`` and the rows on the screen, and the reasons of what is refused."""
    seed = 20_261_127 if count == 400 else random.randrange(2**32)
    maker = Maker(seed)
    cases = [maker.case() for _ in range(count)]
    kernel = [in_kernel(*case) for case in cases]
    different = [
        f"{text!r}\n  page {shown}, kernel {answer}\n  of {[e.payload for e in events]}"
        for (text, events), shown, answer in zip(cases, in_page(page, cases), kernel, strict=True)
        if shown != answer
    ]

    assert not different, f"seed {seed}: {len(different)} of {count}\n" + "\n".join(different[:5])
    # The cases must be worth comparing: some pass, some do not, some are refused.
    refused = sum(isinstance(answer, str) for answer in kernel)
    some = sum(0 < len(answer) < 4 for answer in kernel if not isinstance(answer, str))
    assert 0.05 * count < refused < 0.6 * count
    assert some > 0.05 * count


def test_integers_beyond_two_to_53_are_exact_in_both(page: Path) -> None:
    """Identifiers of other systems have 64 bits."""
    event = AxonEvent(1, "axn_1", 0, "USER_EVENT", "s", "big", '{"id": 6500328718134052119}')
    filters = ["id=6500328718134052119", "id=6500328718134052120", "id>6500328718134052118"]
    cases = [(text, [event]) for text in filters]

    assert in_page(page, cases) == [in_kernel(*case) for case in cases] == [[1], [], [1]]
