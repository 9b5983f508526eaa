"""The vocabulary in which functions are declared. Pure: no I/O, no framework, no dependency on the rest of Capsule.

A function is a plain Python function with a decorator:

    @command   changes state and answers its caller, in one transaction with inbox and outbox
    @query     reads state and answers its caller; nothing is stored
    @on        handles one event type in a transaction, once per message
    @effect    handles one event type by calling external systems between its own short transactions (`Work`)
    @saga      handles the events that one saga waits for; one function per event is derived
    @every     runs on a schedule

The decorator states what module path and signature do not. Routes, schemas, manifests, permissions and the way the function
runs are derived from the `Declaration` that it attaches.

Events: a method of an aggregate or saga that changes state **returns** the events to publish, as `Events` (`()` if nothing
changed); a factory returns `(aggregate, events)`. The use case passes them on: `return Done(view, *events)`, in an effect
`record.emit(*events)`. Aggregates hold no event lists, and ports and adapters know nothing of events.
"""

from functions.kernel.access import ADMIN, ANYONE, OWN_ACCOUNT, RECENT_LOGIN, SIGNED_IN, Allow, Caller, Client, Origin, Scope
from functions.kernel.caching import Cache
from functions.kernel.change import Change, differences
from functions.kernel.checked_access import ApplicationAccess, Memberships, Permit, TeamAccess, check_application, check_some_environment, check_team
from functions.kernel.declaration import Declaration, Kind, Order
from functions.kernel.decorators import command, effect, every, on, query, saga
from functions.kernel.former_versions import FormerVersion
from functions.kernel.message import Delayed, Event, Events, Model, OutgoingMessage, Part, Readdressed, after
from functions.kernel.operations import (
    OperationBase,
    OperationProblem,
    OperationProgress,
    OperationState,
    OperationStepView,
    check_operation,
    names_operation,
)
from functions.kernel.outcome import (
    Conflict,
    Done,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    Location,
    NotFound,
    NotKnownYet,
    PaymentRequired,
    Permanent,
    RateLimited,
    RecentLoginRequired,
    Rejected,
    Rejection,
    TooManyRequests,
    Transient,
    Unauthenticated,
    Unavailable,
    json_pointer,
)
from functions.kernel.page import Page
from functions.kernel.permissions import PERMISSIONS, PROTECTED_ENVIRONMENTS, Grant, Membership, Permission, Role
from functions.kernel.rates import RateClass
from functions.kernel.raw import File, RawRequest
from functions.kernel.scale import Retry, Scale, ScaleMetric
from functions.kernel.streams import EventStream, StreamEvent, StreamRequest
from functions.kernel.time import Clock, new_id, new_id_text
from functions.kernel.values import ONE_LINE, Form, Int32, LaterThan, Number, Position, PositiveInt64, SecretText, Text, Timestamp, is_line
from functions.kernel.versions import MissingUpcaster, Payload, missing_steps, upcast, upcasts
from functions.kernel.work import Record, Work

__all__ = [
    "ADMIN",
    "ANYONE",
    "ONE_LINE",
    "OWN_ACCOUNT",
    "PERMISSIONS",
    "PROTECTED_ENVIRONMENTS",
    "RECENT_LOGIN",
    "SIGNED_IN",
    "Allow",
    "ApplicationAccess",
    "Cache",
    "Caller",
    "Change",
    "Client",
    "Clock",
    "Conflict",
    "Declaration",
    "Delayed",
    "Done",
    "Event",
    "EventStream",
    "Events",
    "FieldError",
    "File",
    "Forbidden",
    "Form",
    "FormerVersion",
    "Gone",
    "Grant",
    "Int32",
    "Invalid",
    "Kind",
    "LaterThan",
    "Location",
    "Membership",
    "Memberships",
    "MissingUpcaster",
    "Model",
    "NotFound",
    "NotKnownYet",
    "Number",
    "OperationBase",
    "OperationProblem",
    "OperationProgress",
    "OperationState",
    "OperationStepView",
    "Order",
    "Origin",
    "OutgoingMessage",
    "Page",
    "Part",
    "Payload",
    "PaymentRequired",
    "Permanent",
    "Permission",
    "Permit",
    "Position",
    "PositiveInt64",
    "RateClass",
    "RateLimited",
    "RawRequest",
    "Readdressed",
    "RecentLoginRequired",
    "Record",
    "Rejected",
    "Rejection",
    "Retry",
    "Role",
    "Scale",
    "ScaleMetric",
    "Scope",
    "SecretText",
    "StreamEvent",
    "StreamRequest",
    "TeamAccess",
    "Text",
    "Timestamp",
    "TooManyRequests",
    "Transient",
    "Unauthenticated",
    "Unavailable",
    "Work",
    "after",
    "check_application",
    "check_operation",
    "check_some_environment",
    "check_team",
    "command",
    "differences",
    "effect",
    "every",
    "is_line",
    "json_pointer",
    "missing_steps",
    "names_operation",
    "new_id",
    "new_id_text",
    "on",
    "query",
    "saga",
    "upcast",
    "upcasts",
]
