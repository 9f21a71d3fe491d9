"""The structs have every field of the published schemas, and forgive what they do not know."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from axon_notebook import models

SCHEMAS: dict[str, Any] = json.loads(
    (files("axon_notebook.local.http") / "openapi.json").read_text("utf-8")
)["components"]["schemas"]

STRUCTS = {
    "AxonEventListView": models.AxonEventList,
    "AxonEventView": models.AxonEvent,
    "AxonListView": models.AxonList,
    "AxonView": models.AxonInfo,
    "ExecUpdateChunkView": models.OutputFrame,
    "PublishResultView": models.PublishResult,
    "SqlBatchResultView": models.SqlBatchResult,
    "SqlColumnMetaView": models.SqlColumn,
    "SqlQueryResultView": models.SqlResult,
    "SqlResultMetaView": models.SqlMeta,
    "SqlStepErrorView": models.SqlStepError,
    "SqlStepResultView": models.SqlStep,
}

EVENT = {
    "sequence": 2**63 - 1,
    "axon_id": "axn_1",
    "timestamp_ms": 1,
    "origin": "A_NEW_ORIGIN",
    "source": "s",
    "event_type": "t",
    "payload": "not json",
    "added_next_year": {"deep": [1]},
}


@pytest.mark.parametrize("schema", STRUCTS)
def test_a_struct_has_the_fields_of_its_schema(schema: str) -> None:
    """A field that is not decoded is a field the user cannot see."""
    fields = {field.encode_name for field in msgspec.structs.fields(STRUCTS[schema])}

    assert fields == set(SCHEMAS[schema]["properties"])


@pytest.mark.parametrize("schema", STRUCTS)
def test_what_the_schema_calls_optional_may_be_missing(schema: str) -> None:
    """And nothing else has a default that would hide a broken answer."""
    optional = set(SCHEMAS[schema]["properties"]) - set(SCHEMAS[schema].get("required", []))
    needed = {f.encode_name for f in msgspec.structs.fields(STRUCTS[schema]) if f.required}

    assert not optional & needed


def test_unknown_fields_and_origins_are_kept_out_of_the_way() -> None:
    """The server is newer than the client more often than not."""
    event = msgspec.json.decode(json.dumps(EVENT), type=models.AxonEvent)

    assert (event.sequence, event.origin) == (2**63 - 1, "A_NEW_ORIGIN")


def test_a_payload_that_is_no_json_says_so() -> None:
    """Payloads are text; only most of them are JSON."""
    event = msgspec.json.decode(json.dumps(EVENT), type=models.AxonEvent)

    with pytest.raises(ValueError, match="malformed"):
        event.json()


def test_structs_cannot_be_changed() -> None:
    """An event is a fact."""
    event = msgspec.json.decode(json.dumps(EVENT), type=models.AxonEvent)

    with pytest.raises(AttributeError, match="immutable"):
        event.sequence = 1  # type: ignore[misc]


@pytest.mark.parametrize(("stored", "name"), [(1, "EXTERNAL_EVENT"), (4, "SYSTEM_EVENT"), (9, "9")])
def test_stored_origins_have_their_api_names(stored: int, name: str) -> None:
    """The history table stores numbers, the API shows names."""
    assert models.origin_name(stored) == name
    assert models.origin_name(name) == name


def test_the_columns_of_events_are_named_in_one_place() -> None:
    """A new column is a line in models.py, not a search through the package."""
    spelled = re.compile(r"(?i)sequence\W+timestamp_ms\W+origin\W+source\W+event_type\W+payload")
    package = Path(models.__file__).parent
    found = {p.name for p in package.rglob("*.py") if spelled.search(p.read_text("utf-8"))}

    assert found == set()


def test_an_event_is_made_of_a_row_in_the_order_of_the_columns() -> None:
    """However many columns there are: the struct has them, and the axon's id."""
    row = [7, 1000, 2, "s", "t", "{}"]
    event = models.AxonEvent.from_row("axn_1", row)

    assert event == models.AxonEvent(7, "axn_1", 1000, "AGENT_EVENT", "s", "t", "{}")
    assert {*models.EVENT_COLUMNS, "axon_id"} == {*models.AxonEvent.__struct_fields__}
