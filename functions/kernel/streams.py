"""A response that is a stream of server-sent events (WHATWG HTML, section 9.2).

A query with this output is asked again and again, each time with the id of the last event that the client has: the gateway
sends the events that it returns, until a batch says that it is the last. So each batch is authorized like any request, and a
stream continues at another gateway, or after a restart, from what the context has stored.
"""

from typing import Any, Generic, TypeVar

from pydantic import Field

from functions.kernel.message import Model
from functions.kernel.values import Text

DataT = TypeVar("DataT")

MAX_EVENT_ID_LENGTH = 200


class StreamRequest(Model):
    """The input of a query whose response is a stream. The gateway fills in the header `Last-Event-ID`."""

    last_event_id: Text | None = Field(default=None, max_length=MAX_EVENT_ID_LENGTH)
    """The id of the last event that the client has; what follows it is sent."""


class StreamEvent(Model, Generic[DataT]):
    """`id`: greater than that of every earlier event of the stream. `name`: the event type."""

    id: str
    name: str
    data: DataT

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the schema after its data: `StreamEvent[OperationView]` is `OperationEvent`."""
        return f"{params[0].__name__.removesuffix('View')}Event"


class EventStream(Model, Generic[DataT]):
    """What has happened since an event. `is_last`: nothing follows, so the stream ends."""

    events: list[StreamEvent[DataT]]
    is_last: bool

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__.removesuffix('View')}EventStream"


def event_data(stream: Any) -> Any:
    """Return the type of the data of a stream's events: `EventStream[OperationView]` has `OperationView`."""
    (data,) = stream.__pydantic_generic_metadata__["args"]
    return data
