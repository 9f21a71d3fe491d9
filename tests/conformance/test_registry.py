"""Axons themselves: made, found, changed, deleted, by Runloop's own SDK."""

from __future__ import annotations

import time
import uuid
from typing import Any, NamedTuple

import pytest
from runloop_api_client import ConflictError, NotFoundError, Runloop, RunloopSDK
from runloop_api_client.types import AxonView


class Family(NamedTuple):
    """Seven axons with a prefix of their own, oldest first."""

    prefix: str
    axons: list[AxonView]

    @property
    def newest_first(self) -> list[str]:
        return [axon.id for axon in reversed(self.axons)]


@pytest.fixture(scope="module")
def family(client: Runloop) -> Family:
    prefix = f"family-{uuid.uuid4().hex[:8]}"
    axons = []
    for number in range(7):
        metadata = {"team": "abc"[number % 3], "family": prefix}
        axons.append(client.axons.create(name=f"{prefix}-{number}", metadata=metadata))
    return Family(prefix, axons)


def test_an_axon_needs_no_name(client: Runloop) -> None:
    """Everything about a new axon is optional."""
    axon = client.axons.create()

    assert axon.name is None
    assert axon.metadata == {}


def test_an_id_starts_as_the_tools_expect(axon: AxonView) -> None:
    """Runloop's CLI takes what starts with axn_ for an id, anything else for a name."""
    assert axon.id.startswith("axn_")


@pytest.mark.parametrize("name", ["plain", "with space", "ünï ☃ 😀", "a/b?c#d", "x" * 200])
def test_a_name_comes_back_as_it_was_given(client: Runloop, name: str) -> None:
    """Names are for people; none is rewritten."""
    axon = client.axons.create(name=name)

    assert client.axons.retrieve(axon.id).name == name


def test_two_axons_may_share_a_name(client: Runloop) -> None:
    """Only the id is an identity."""
    first, second = client.axons.create(name="same"), client.axons.create(name="same")

    assert first.id != second.id


def test_metadata_comes_back_as_it_was_given(client: Runloop) -> None:
    """It is the user's own order among axons."""
    axon = client.axons.create(metadata={"team": "agents", "é": "ü", "": ""})

    assert client.axons.retrieve(axon.id).metadata == {"team": "agents", "é": "ü", "": ""}


def test_a_new_axon_was_created_now_and_is_not_deleted(axon: AxonView) -> None:
    """Times are milliseconds since 1970."""
    assert abs(axon.created_at_ms - time.time() * 1000) < 60_000
    assert axon.deleted_at_ms is None


def test_retrieve_answers_what_create_answered(client: Runloop, axon: AxonView) -> None:
    """One registry, one view."""
    assert client.axons.retrieve(axon.id) == axon


def test_an_unknown_axon_is_not_found(client: Runloop) -> None:
    """The class of the error is what programs branch on."""
    with pytest.raises(NotFoundError) as caught:
        client.axons.retrieve("axn_unknown")

    assert caught.value.status_code == 404


def test_lists_are_newest_first(client: Runloop, family: Family) -> None:
    """The axon one just made is the one one looks for."""
    found = client.axons.list(name=family.prefix)

    assert [axon.id for axon in found] == family.newest_first


def test_a_page_has_the_size_asked_for(client: Runloop, family: Family) -> None:
    """And says that there is more."""
    page = client.axons.list(name=family.prefix, limit=3)

    assert [axon.id for axon in page.axons] == family.newest_first[:3]
    assert page.has_more
    assert page.total_count == 7


def test_a_page_of_exactly_all_says_there_is_no_more(client: Runloop, family: Family) -> None:
    """Off by one here costs every client an empty request."""
    assert not client.axons.list(name=family.prefix, limit=7).has_more


def test_the_pager_visits_each_axon_once(client: Runloop, family: Family) -> None:
    """It asks for the page after the last id until there is no more."""
    visited = [axon.id for axon in client.axons.list(name=family.prefix, limit=2)]

    assert visited == family.newest_first


def test_the_next_page_starts_after_the_id_given(client: Runloop, family: Family) -> None:
    """The pager's own parameter, by hand."""
    page = client.axons.list(name=family.prefix, starting_after=family.newest_first[4])

    assert [axon.id for axon in page.axons] == family.newest_first[5:]


def test_the_count_can_be_left_out(client: Runloop, family: Family) -> None:
    """Counting costs time on large registries."""
    page = client.axons.list(name=family.prefix, include_total_count=False)

    assert page.total_count is None


def test_a_name_is_found_by_its_beginning_only(client: Runloop, family: Family) -> None:
    """Prefix match is documented; a match inside would surprise."""
    assert len(client.axons.list(name=family.prefix[:-1]).axons) == 7
    assert client.axons.list(name=family.prefix[1:]).axons == []


def test_a_percent_sign_in_a_name_is_no_wildcard(client: Runloop) -> None:
    """SQL's LIKE has its own ideas about % and _."""
    assert client.axons.list(name="%amily-").axons == []
    assert client.axons.list(name="_amily-").axons == []


def test_an_axon_is_found_by_its_id(client: Runloop, family: Family) -> None:
    """Exactly this one."""
    found = client.axons.list(id=family.axons[3].id)

    assert [axon.id for axon in found] == [family.axons[3].id]


@pytest.mark.parametrize("part", ["id", "name"])
def test_search_looks_at_id_and_name(client: Runloop, family: Family, part: str) -> None:
    """One field for both, as in the dashboard."""
    found = client.axons.list(search=str(getattr(family.axons[3], part)))

    assert [axon.id for axon in found] == [family.axons[3].id]


def test_axons_are_filtered_by_a_metadata_value(client: Runloop, family: Family) -> None:
    """The typed argument of the SDK can only name the key `key`; real keys go in extra_query."""
    query = {"metadata[family]": family.prefix, "metadata[team]": "b"}
    found = client.axons.list(extra_query=query)

    assert [axon.metadata["team"] for axon in found] == ["b", "b"]


def test_axons_are_filtered_by_several_values_of_a_key(client: Runloop, family: Family) -> None:
    """`[in]` means: one of these."""
    query = {"metadata[family]": family.prefix, "metadata[team][in]": "b,c"}
    found = client.axons.list(extra_query=query)

    assert sorted(axon.metadata["team"] for axon in found) == ["b", "b", "c", "c"]


def test_the_typed_metadata_filter_names_the_key_key(client: Runloop) -> None:
    """What `metadata_key=` sends is the literal parameter `metadata[key]`."""
    value = uuid.uuid4().hex
    axon = client.axons.create(metadata={"key": value})

    assert [found.id for found in client.axons.list(metadata_key=value)] == [axon.id]


def test_update_replaces_all_metadata(client: Runloop, axon: AxonView) -> None:
    """It is not a merge."""
    client.axons.update(axon.id, metadata={"a": "1", "b": "2"})
    updated = client.axons.update(axon.id, metadata={"c": "3"})

    assert updated.metadata == {"c": "3"}
    assert client.axons.retrieve(axon.id) == updated


@pytest.mark.parametrize("given", [{}, {"metadata": None}])
def test_update_without_metadata_changes_nothing(client: Runloop, given: dict[str, Any]) -> None:
    """Omitted and null both mean: leave it."""
    axon = client.axons.create(name="kept", metadata={"a": "1"})

    assert client.axons.update(axon.id, **given) == axon


def test_update_with_an_empty_map_clears_the_metadata(client: Runloop) -> None:
    """The one way to remove the last key."""
    axon = client.axons.create(metadata={"a": "1"})

    assert client.axons.update(axon.id, metadata={}).metadata == {}


def test_a_deleted_axon_stays_readable_with_its_time(client: Runloop, axon: AxonView) -> None:
    """The registry remembers, the events are gone."""
    client.axons.delete(axon.id)

    deleted = client.axons.retrieve(axon.id)
    assert deleted.name == axon.name
    assert (deleted.deleted_at_ms or 0) >= axon.created_at_ms


def test_delete_answers_an_object(client: Runloop, axon: AxonView) -> None:
    """The SDK types it as object; an empty body would fail to parse."""
    assert client.axons.delete(axon.id) == {}


def test_deleted_axons_are_listed(client: Runloop, axon: AxonView) -> None:
    """The SDK says: list axons, including deleted axons."""
    client.axons.delete(axon.id)

    (found,) = client.axons.list(id=axon.id).axons
    assert found.deleted_at_ms is not None


def test_a_deleted_axon_cannot_be_updated(client: Runloop, axon: AxonView) -> None:
    """Documented; the status is this service's choice."""
    client.axons.delete(axon.id)

    with pytest.raises(ConflictError):
        client.with_options(max_retries=0).axons.update(axon.id, metadata={"a": "1"})


def test_deleting_twice_is_no_error(client: Runloop, axon: AxonView) -> None:
    """A retry of a delete whose answer was lost must succeed."""
    client.axons.delete(axon.id)

    assert client.axons.delete(axon.id) == {}


def test_a_deleted_axon_takes_and_gives_no_events(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Publishing into the void would lose data silently."""
    publish(axon)
    client.axons.delete(axon.id)

    with pytest.raises(NotFoundError):
        publish(axon)
    with pytest.raises(NotFoundError):
        client.axons.events.list(axon.id)
    with pytest.raises(NotFoundError):
        client.axons.sql.query(axon.id, sql="SELECT 1")
    with pytest.raises(NotFoundError), client.axons.subscribe_sse(axon.id):
        pass


def test_deleting_one_axon_leaves_the_others(client: Runloop, axon: AxonView, publish: Any) -> None:
    """Each has its own database."""
    other = client.axons.create()
    publish(other)
    client.axons.delete(axon.id)

    assert len(client.axons.events.list(other.id).events) == 1


def test_the_object_oriented_sdk_works_on_the_same_axons(environment: None) -> None:
    """`RunloopSDK` is what the README of the SDK shows first."""
    with RunloopSDK() as sdk:
        axon = sdk.axon.create(name="oo")
        event = {"source": "oo", "event_type": "tick", "payload": "{}"}
        result = axon.publish(origin="AGENT_EVENT", **event)
        rows = axon.sql.query(sql="SELECT source FROM rl_axon_events").rows

        assert result.sequence == 1
        assert rows == [["oo"]]
        assert sdk.axon.from_id(axon.id).get_info().name == "oo"
        assert axon.id in [found.id for found in sdk.axon.list(name="oo")]
