"""Byte streams with a known reading, and ways to cut them."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.wire.sse import EventDecoder, ServerSentEvent

TABLE = json.loads(Path(__file__).with_name("sse_cases.json").read_text("utf-8"))
CASES = TABLE["cases"]

Triple = tuple[str, str, str]


def by_name(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def chunks_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(chunk) for chunk in case["chunks_b64"]]


def decoder_for(case: dict[str, Any]) -> EventDecoder:
    return EventDecoder(last_event_id=case.get("initial_last_event_id", ""))


def expected_of(case: dict[str, Any]) -> list[Triple]:
    return [(event["event"], event["data"], event["id"]) for event in case["expected"]]


def triples(events: Iterable[ServerSentEvent]) -> list[Triple]:
    return [(event.event, event.data, event.id) for event in events]


def decode(decoder: EventDecoder, chunks: Iterable[bytes]) -> list[ServerSentEvent]:
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def singles(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def cut_at(body: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({min(place, len(body)) for place in places}), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(edges)]
