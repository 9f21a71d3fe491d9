"""The service's own OpenAPI document, and whether the service keeps to it.

The suite's number of examples keeps it short; ``--long`` takes 500 per operation.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import hypothesis
import jsonschema_rs
import msgspec
import pytest
import schemathesis
import schemathesis.checks
from hypothesis import strategies as st
from runloop_api_client import Runloop
from runloop_api_client.types import AxonView

from axon_notebook import models
from axon_notebook.local.devboxes.devbox_files import DownloadFile, ReadFile, WriteFile
from axon_notebook.local.devboxes.devbox_params import ELSEWHERE, CreateDevbox
from axon_notebook.local.http.app import Health
from axon_notebook.local.http.axon_routes import (
    BatchParams,
    CreateParams,
    PublishBatchParams,
    PublishParams,
    Statement,
    UpdateParams,
    axon_routes,
)
from axon_notebook.local.http.devbox_routes import UpdateDevbox, WaitForDevbox, devbox_routes
from axon_notebook.local.http.execution_routes import (
    Execute,
    ExecuteAsync,
    Kill,
    SendStdIn,
    WaitForExecution,
)
from axon_notebook.local.http.import_routes import ReplayedEvent, ReplayParams, import_routes
from axon_notebook.local.http.many_axons import ManyParams
from axon_notebook.local.http.openapi import document
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.local.storage.importing import ImportedEvent

EXAMPLES, LONG_EXAMPLES = 20, 500
DOCUMENT = json.loads(document())
# Without its security section: the token is always sent, and has tests of its own.  Nor is the
# service ended in the middle.
SCHEMA = schemathesis.openapi.from_dict(
    {k: v for k, v in DOCUMENT.items() if k != "security"}
).exclude(path="/stop")


def lines_of(values: list[Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
EVENTS = st.fixed_dictionaries(
    {
        "sequence": st.integers(1, 2**63 - 1),
        "timestamp_ms": st.integers(-(2**63), 2**63 - 1),
        "origin": st.sampled_from(DOCUMENT["components"]["schemas"]["AxonEventOrigin"]["enum"]),
        "source": TEXTS,
        "event_type": TEXTS,
        "payload": TEXTS,
    }
)
IN_ORDER = st.lists(EVENTS, max_size=5).map(lambda e: sorted(e, key=lambda x: x["sequence"]))
schemathesis.openapi.media_type(
    "application/x-ndjson",
    st.one_of(
        IN_ORDER.map(lines_of),
        IN_ORDER.map(lambda events: lines_of([{"name": "imported"}, *events])),
        st.lists(st.one_of(EVENTS, TEXTS, st.none(), st.integers()), max_size=3).map(lines_of),
        st.binary(max_size=100),
    ),
)


# Operations that may refuse what no schema can rule out: a cursor that names nothing, wrong SQL.
MEANING = (
    "/v1/axons",
    "/v1/axons/{id}/events",
    "/import",
    "/sql/query",
    "/sql/batch",
    "/v1/devboxes",
    "/suspend",
    "/resume",
    "/upload_file",
    "/create_and_await_running",
    "/send_std_in",
)
ACCEPTANCE = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
REJECTION = schemathesis.checks.CHECKS.get_one("negative_data_rejection")


def is_stream(path: str) -> bool:
    return path.endswith(("/subscribe/sse", "_updates"))


@pytest.fixture(scope="module")
def target(client: Runloop) -> AxonView:
    """An axon for generated requests to meet, so that not every answer is 404."""
    axon = client.axons.create(name="target")
    for number in range(3):
        event = {"source": "s", "event_type": "t", "payload": str(number)}
        client.axons.publish(axon.id, origin="USER_EVENT", **event)
    return axon


def examples(count: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        database=None,
    )


@SCHEMA.parametrize()
@pytest.mark.timeout(1800)
@examples(EXAMPLES)
def test_every_answer_is_one_the_document_describes(
    case: Any, service: ServiceAddress, target: AxonView
) -> None:
    """Generated requests, sensible and not: no 5xx, no undescribed status, type or shape."""
    validate(case, service, target)


@SCHEMA.parametrize()
@pytest.mark.long
@pytest.mark.timeout(3600)
@examples(LONG_EXAMPLES)
def test_every_answer_of_a_long_run_is_one_the_document_describes(
    case: Any, service: ServiceAddress, target: AxonView
) -> None:
    """The same, 500 times per operation."""
    validate(case, service, target)


def validate(case: Any, service: ServiceAddress, target: AxonView) -> None:
    given = case.path_parameters or {}
    replaceable = case.method != "DELETE" and not is_stream(case.path)
    if replaceable and len(str(given.get("id", ""))) % 4:
        case.path_parameters["id"] = target.id
    if isinstance(case.body, dict) and isinstance(case.body.get("command"), str):
        case.body["command"] = "true"  # generated text is nothing for a shell
    response = case.call(
        base_url=service.base_url,
        headers={"Authorization": f"Bearer {service.token.reveal()}"},
        timeout=300,
    )
    excluded = [ACCEPTANCE] if case.path.endswith(MEANING) else []
    if response.status_code == 413:  # more than 10,000 events of a batch are also too many bytes
        excluded.append(REJECTION)
    case.validate_response(response, excluded_checks=excluded)


def test_the_document_is_published_as_it_lies_in_the_package(client: Runloop) -> None:
    """Tools fetch it from the service they talk to."""
    assert client.get("/openapi.json", cast_to=object) == DOCUMENT


def test_every_endpoint_is_in_the_document() -> None:
    """And nothing else is: a path of the document is answered."""
    own = {("GET", "/healthz"), ("POST", "/stop"), ("GET", "/openapi.json")}
    nothing = cast(Any, SimpleNamespace(executions=None))
    routes = [*axon_routes(nothing, nothing), *import_routes(nothing), *devbox_routes(nothing)]
    served = {(route.method, re.sub(r"\{axon_id\}", "{id}", route.path)) for route in routes}
    said = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}

    assert said == served | own


def test_each_correction_names_its_source() -> None:
    """What differs from Runloop's published document, and how we know."""
    corrections = DOCUMENT["x-corrections"]

    assert len(corrections) >= 15
    for correction in corrections:
        assert correction.keys() == {"where", "published", "served", "source"}
        assert all(correction.values())


def test_the_documentation_tells_each_correction() -> None:
    """Anyone who reads before trying must find them, too."""
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text("utf-8")

    missing = [c["where"] for c in DOCUMENT["x-corrections"] if c["served"] not in text]
    assert missing == []


def test_every_operation_describes_its_errors() -> None:
    """The published document knows only 200."""
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorView"}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("AxonCreateParams", CreateParams),
        ("PublishParams", PublishParams),
        ("AxonUpdateParams", UpdateParams),
        ("PublishBatchParams", PublishBatchParams),
        ("ImportedEvent", ImportedEvent),
        ("ReplayedEvent", ReplayedEvent),
        ("ReplayParams", ReplayParams),
        ("FileWriteParams", WriteFile),
        ("FileReadParams", ReadFile),
        ("FileDownloadParams", DownloadFile),
        ("SqlStatementParams", Statement),
        ("SqlBatchParams", BatchParams),
        ("SqlManyParams", ManyParams),
        ("DevboxUpdateParams", UpdateDevbox),
        ("DevboxWaitParams", WaitForDevbox),
        ("ExecuteParams", Execute),
        ("ExecuteAsyncParams", ExecuteAsync),
        ("ExecutionWaitParams", WaitForExecution),
        ("ExecutionKillParams", Kill),
        ("SendStdInParams", SendStdIn),
    ],
)
def test_a_body_has_the_properties_of_the_document(name: str, params: Any) -> None:
    """The structs decide what is read, the document what is said: same names, same types."""
    (_,), schemas = msgspec.json.schema_components([params])
    struct, said = schemas[params.__name__], DOCUMENT["components"]["schemas"][name]

    assert set(said["properties"]) == set(struct["properties"])
    assert set(said.get("required", [])) == set(struct["required"])
    for field, schema in struct["properties"].items():
        assert types(said["properties"][field], DOCUMENT["components"]["schemas"]) == types(
            schema, schemas
        ), field


def test_the_parameters_of_a_devbox_are_those_of_the_document() -> None:
    """What is refused whatever it is does not stand there."""
    said = DOCUMENT["components"]["schemas"]["DevboxCreateParams"]["properties"]

    assert set(said) == set(CreateDevbox.__struct_fields__) - set(ELSEWHERE)


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("AxonView", models.AxonInfo),
        ("AxonListView", models.AxonList),
        ("AxonEventView", models.AxonEvent),
        ("AxonEventListView", models.AxonEventList),
        ("PublishResultView", models.PublishResult),
        ("PublishBatchResultView", models.PublishBatchResult),
        ("SqlQueryResultView", models.SqlResult),
        ("SqlBatchResultView", models.SqlBatchResult),
        ("SqlManyResultView", models.SqlManyResult),
        ("SqlAxonResultView", models.SqlAxonResult),
        ("SqlAxonErrorView", models.SqlAxonError),
        ("SqlResultMetaView", models.SqlMeta),
        ("SqlColumnMetaView", models.SqlColumn),
        ("HealthView", Health),
    ],
)
def test_an_answer_has_the_properties_of_the_document(name: str, view: Any) -> None:
    """What the client of this package reads is what the document promises to everybody."""
    said = DOCUMENT["components"]["schemas"][name]["properties"]

    assert set(said) == set(view.__struct_fields__)


def types(schema: Any, schemas: Any) -> set[str]:
    """Return the JSON types that *schema* allows; numbers are one, null is left out."""
    if "$ref" in schema:
        return types(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for parts in ("allOf", "anyOf", "oneOf"):
        if parts in schema:
            return set().union(*(types(part, schemas) for part in schema[parts]))
    if "enum" in schema:
        return {f"one of {sorted(schema['enum'])}"}
    if "type" not in schema:
        return {"anything"}
    return {{"integer": "number"}.get(schema["type"], schema["type"])} - {"null"}


def test_streamed_events_fit_their_schema(client: Runloop, target: AxonView) -> None:
    """The stream's content type hides its shape from generated tests."""
    schema = {"$ref": "#/components/schemas/AxonEventView", "components": DOCUMENT["components"]}
    validator = jsonschema_rs.validator_for(schema)
    with client.axons.with_streaming_response.subscribe_sse(target.id) as response:
        lines = (line for line in response.iter_lines() if line)
        frames = [next(lines) for _ in range(3)]

    for frame in frames:
        assert frame.startswith("data: ")
        validator.validate(json.loads(frame.removeprefix("data: ")))
