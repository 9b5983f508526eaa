"""The words a use case is written in. Pure: no I/O, no framework.

A use case is a plain function; a decorator says what its module path and signature cannot. Everything else (routes, schemas,
manifests, how it runs) is derived from the `Declaration` that the decorator leaves on it.

    @command   asks for a change; answers its caller; transaction, inbox and outbox are around it
    @query     asks for facts; read only, never stored
    @on        reacts to one event type, in a transaction, once for each message
    @effect    reacts to one event type by acting on the world outside: it opens its own short transactions (`Work`)
    @every     is a schedule

A fifth word, `@effect`, is added to the four of the design because the network comes between transactions, never inside one: a handler
that calls out must be visibly different from one that runs inside a transaction.
"""

from functions.kernel.access import ADMIN, ANYONE, SIGNED_IN, Allow, Caller, Client, Origin
from functions.kernel.declaration import Declaration, Kind, Order, Retry, Scale, command, effect, every, on, query
from functions.kernel.message import Delayed, Event, Events, Model, OutgoingMessage, Part, Readdressed, after
from functions.kernel.outcome import (
    Conflict,
    Done,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    Location,
    NotFound,
    PaymentRequired,
    Permanent,
    RateLimited,
    Rejected,
    Rejection,
    TooManyRequests,
    Transient,
    Unauthenticated,
    Unavailable,
)
from functions.kernel.page import Page
from functions.kernel.raw import File, RawRequest
from functions.kernel.time import Clock, new_id
from functions.kernel.versions import MissingUpcaster, Payload, missing_steps, upcast, upcasts
from functions.kernel.work import Record, Work

__all__ = [
    "ADMIN",
    "ANYONE",
    "SIGNED_IN",
    "Allow",
    "Caller",
    "Client",
    "Clock",
    "Conflict",
    "Declaration",
    "Delayed",
    "Done",
    "Event",
    "Events",
    "FieldError",
    "File",
    "Forbidden",
    "Gone",
    "Invalid",
    "Kind",
    "Location",
    "MissingUpcaster",
    "Model",
    "NotFound",
    "Order",
    "Origin",
    "OutgoingMessage",
    "Page",
    "Part",
    "Payload",
    "PaymentRequired",
    "Permanent",
    "RateLimited",
    "RawRequest",
    "Readdressed",
    "Record",
    "Rejected",
    "Rejection",
    "Retry",
    "Scale",
    "TooManyRequests",
    "Transient",
    "Unauthenticated",
    "Unavailable",
    "Work",
    "after",
    "command",
    "effect",
    "every",
    "missing_steps",
    "new_id",
    "on",
    "query",
    "upcast",
    "upcasts",
]
