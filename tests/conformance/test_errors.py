"""What goes wrong, as Runloop's own SDK sees it."""

from __future__ import annotations

import pytest
from runloop_api_client import (
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    Runloop,
)
from runloop_api_client.types import AxonView


def test_a_wrong_key_is_an_authentication_error(environment: None) -> None:
    """And is not retried."""
    with Runloop(bearer_token="wrong") as stranger, pytest.raises(AuthenticationError) as caught:
        stranger.axons.list()

    assert caught.value.body == {"code": "401", "message": "Missing or wrong bearer token."}


def test_a_request_from_a_web_page_is_a_permission_error(client: Runloop) -> None:
    """A browser adds Origin to what a page sends."""
    with pytest.raises(PermissionDeniedError):
        client.axons.list(extra_headers={"Origin": "https://evil.com"})


def test_an_error_carries_status_and_body(client: Runloop) -> None:
    """`.status_code`, `.body` and the text of the exception."""
    with pytest.raises(NotFoundError) as caught:
        client.axons.retrieve("axn_unknown")

    assert caught.value.body == {"code": "404", "message": "Axon not found."}
    assert str(caught.value).startswith("Error code: 404")


def test_unknown_properties_are_ignored(client: Runloop) -> None:
    """A newer SDK may send more than this service knows."""
    axon = client.axons.create(name="known", extra_body={"shiny_new": {"a": 1}})

    assert axon.name == "known"


def test_unknown_query_parameters_are_ignored(client: Runloop, axon: AxonView) -> None:
    """A newer SDK may send more than this service knows."""
    page = client.axons.list(id=axon.id, extra_query={"shiny_new": "1"})

    assert len(page.axons) == 1


def test_unknown_headers_are_ignored(client: Runloop, axon: AxonView) -> None:
    """The same."""
    found = client.axons.retrieve(axon.id, extra_headers={"X-Shiny-New": "1"})

    assert found.id == axon.id


def test_the_raw_response_is_json(client: Runloop, axon: AxonView) -> None:
    """`with_raw_response` is what people debug with."""
    response = client.axons.with_raw_response.retrieve(axon.id)

    assert response.headers["content-type"] == "application/json"
    assert response.parse().id == axon.id
