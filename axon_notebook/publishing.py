"""Many events, published in order with as few requests as the server allows.

The embedded service stores many events per request, each request in one
transaction.  Runloop has no such endpoint; there each event is a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .errors import (
    AuthenticationError,
    AxonError,
    BadRequest,
    NotFound,
    ParameterError,
    ServerError,
    TransportError,
)
from .models import (
    MAX_PAYLOAD_BYTES,
    NO_SUCH_ENDPOINT,
    PUBLISH_ORIGINS,
    AxonEvent,
    EventDraft,
    PublishResult,
)
from .sql.values import not_finite

if TYPE_CHECKING:
    from .wire.api import ApiClient

__all__ = ["event_draft", "event_fields", "payload_text", "publish_in_batches", "publish_one"]

#: One request carries at most this many events, and about this many characters of payload.
BATCH_EVENTS: Final = 1000
BATCH_CHARACTERS: Final = 1024 * 1024


def event_fields(event: Mapping[str, object] | AxonEvent | tuple[str, object]) -> dict[str, Any]:
    """Return the fields of an event, as far as they are given; see :meth:`.Axon.publish_many`."""
    if isinstance(event, AxonEvent):
        origin = event.origin if event.origin in PUBLISH_ORIGINS else "EXTERNAL_EVENT"
        return {
            "event_type": event.event_type,
            "payload": event.payload,
            "source": event.source,
            "origin": origin,
        }
    if isinstance(event, Mapping):
        if "event_type" not in event:
            raise ParameterError(f"an event needs an event_type, got only {sorted(event)}")
        return {"payload": None} | {
            name: event[name] for name in EventDraft.__struct_fields__ if name in event
        }
    event_type, payload = event
    return {"event_type": event_type, "payload": payload}


def event_draft(event_type: str, payload: Any, source: str, origin: str) -> EventDraft:
    """Return the event as it is sent.

    Raises:
        ParameterError: If the origin cannot be published, or the payload not be sent.
    """
    if origin not in PUBLISH_ORIGINS:
        raise ParameterError(
            f"origin {origin!r} cannot be published: expected {', '.join(PUBLISH_ORIGINS)}"
        )
    text = payload_text(payload)
    # A character has four bytes at most: counting them is rarely needed.
    if len(text) > MAX_PAYLOAD_BYTES // 4:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_PAYLOAD_BYTES:
            raise ParameterError(
                f"the payload has {size:,} bytes, more than the {MAX_PAYLOAD_BYTES:,} an event "
                "can carry: publish a reference to it instead"
            )
    return EventDraft(source, event_type, origin, text)


def publish_one(api: ApiClient, axon_id: str, draft: EventDraft) -> PublishResult:
    """Publish one event; it is durable when this returns."""
    try:
        return api.publish(axon_id, draft)
    except TransportError as error:
        _add_hint(error, "it")
        raise


def publish_in_batches(
    api: ApiClient, axon_id: str, drafts: Iterable[EventDraft]
) -> Iterator[list[PublishResult]]:
    """Publish *drafts* in their order; yield the results of each request.

    What was yielded is stored, and it is a prefix of *drafts*: the number of results is
    the index of the event that an error is about.  An error that *drafts* itself raises
    comes after the events before it were published.

    Args:
        api: The server.
        axon_id: The axon.
        drafts: The events; may be a generator.

    Raises:
        AxonError: The event after the last result cannot be published, or could not be sent.
    """
    for batch in _batches(drafts):
        if len(batch) > 1 and api.accepts_batches:
            try:
                yield api.publish_batch(axon_id, batch)
                continue
            except TransportError as error:
                _add_hint(error, "some of the events")
                raise
            except (AuthenticationError, BadRequest, NotFound, ServerError) as error:
                # Nothing of a refused batch is stored.  One by one, either the event that was
                # refused is found, or the server turns out to have no endpoint for batches.
                if error.status == 401 or (error.status >= 500 and error.status != 501):
                    raise
                refused = error.status
                yield [publish_one(api, axon_id, batch[0])]
                api.accepts_batches = refused not in NO_SUCH_ENDPOINT
                batch = batch[1:]
        for draft in batch:
            yield [publish_one(api, axon_id, draft)]


def payload_text(payload: Any) -> str:
    """Return what is sent for *payload*: a text as it is, anything else as JSON."""
    if isinstance(payload, str):
        if not payload.isascii():
            _check_text(payload)
        return payload
    if payload is None:
        return "{}"
    try:
        text = msgspec.json.encode(payload, enc_hook=_plain).decode()
        found = not_finite(payload, _plain) if "null" in text else None
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"the payload cannot be written as JSON: {error}") from error
    if found is not None:
        raise ParameterError(f"the payload has {found}")
    return text


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ParameterError(
            f"the payload has an unpaired surrogate at character {error.start}: "
            "it is not a Unicode text"
        ) from None


def _plain(value: Any) -> Any:
    """Turn numpy's and pandas' values into what JSON knows."""
    for method in ("item", "tolist", "isoformat", "to_dict"):
        convert = getattr(value, method, None)
        if convert is not None and (method != "item" or getattr(value, "size", 1) == 1):
            return convert()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _batches(drafts: Iterable[EventDraft]) -> Iterator[Sequence[EventDraft]]:
    batch: list[EventDraft] = []
    characters = 0
    try:
        for draft in drafts:
            size = len(draft.payload)
            if batch and (len(batch) == BATCH_EVENTS or characters + size > BATCH_CHARACTERS):
                yield batch
                batch, characters = [], 0
            batch.append(draft)
            characters += size
    except AxonError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _add_hint(error: TransportError, what: str) -> None:
    if getattr(error, "sent", True):
        error.detail = (f"{what} may have been stored all the same: axon.events(1) shows",)
