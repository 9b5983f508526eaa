"""The declaration of a function: what its decorator states, and what follows from its module path and signature.

`functions/auth/commands/register.py: register` is `auth.register`: its name, its routing key and, with dashes, the name of its
Knative objects. The first parameter is the input (a schedule has none). Every other parameter is a dependency, which the
runtime provides by type: from the context's `wiring.py`, or from the message (`Caller`, `Client`, `Origin`, `Clock`, `Work`).
"""

import inspect
import re
import sys
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum
from functools import cached_property
from types import UnionType
from typing import Any

from pydantic import BaseModel, SecretStr

from functions.kernel.access import OWN_ACCOUNT, SIGNED_IN, Allow, Caller, Scope
from functions.kernel.caching import Cache
from functions.kernel.former_versions import FormerVersion
from functions.kernel.message import Delayed, Event, OutgoingMessage
from functions.kernel.outcome import Done, Forbidden, Invalid, RecentLoginRequired, Rejected, Rejection, Unauthenticated
from functions.kernel.permissions import Permission
from functions.kernel.rates import RateClass
from functions.kernel.raw import RawRequest
from functions.kernel.scale import Retry, Scale
from functions.kernel.values import without_bounds

Handler = Callable[..., Awaitable[Any]]

IMPLICIT_REJECTIONS = (Unauthenticated, Forbidden, Invalid)
"""Rejections that a function need not declare: the runtime itself raises them."""

ROUTE = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (/[a-zA-Z0-9_./{}-]*)$")


class Kind(StrEnum):
    COMMAND = "command"
    QUERY = "query"
    EVENT = "event"
    EFFECT = "effect"
    SCHEDULE = "schedule"


class Order(Enum):
    """In which order a handler applies the events of one subject."""

    NEWER = "newer"  # skip events older than the last applied one: the event reports a state
    ANY = "any"  # apply each once, in any order: the event is to be added up
    STRICT = "strict"  # apply without gaps: early events are parked until their predecessors were applied


@dataclass(frozen=True)
class Declaration:
    """One function. Properties that derive from the signature raise TypeError if it cannot be a function."""

    kind: Kind
    handler: Handler
    http: str | None = None
    status: int = 200
    """Of a successful HTTP response."""
    allow: Allow = SIGNED_IN
    permission: Permission | None = None
    """What the caller needs in a team. The runtime passes it on in a `Permit`, and the function's access control checks it."""
    rejects: tuple[type[Rejection], ...] = ()
    emits: tuple[type[Event], ...] = ()
    scale: Scale = field(default_factory=Scale)
    retry: Retry = field(default_factory=Retry)
    order: Order = Order.NEWER
    max_wait_seconds: float = 600.0
    """How long an early event is parked (Order.STRICT) before it becomes a dead letter."""
    schedule: str | None = None
    """Five cron fields, UTC."""
    deadline_seconds: float = 10.0
    """How long a caller waits for the response."""
    context_name: str | None = None
    """The context, for a function that every context has (`runtime.operations`)."""
    event: type[Event] | None = None
    """The event, for a function that is derived from a saga."""
    has_secret_response: bool = False
    """The response contains tokens: it is sent once and never stored."""
    is_session_only: bool = False
    """API tokens cannot call it, whatever their scopes."""
    allows_service_accounts: bool = False
    """Of a function about the caller's own account (OWN_ACCOUNT): whether it has an answer for a service account, which has no account."""
    needs_scope: bool = True
    """False: an API token of any scope calls it, such as what tells the caller who it is."""
    needs_recent_login: bool = False
    """The caller has entered a password or code within `access.RECENT_LOGIN`."""
    has_audit_entry: bool = True
    """A command leaves an entry in the audit log (`is_audited`)."""
    version: int = 1
    """Counts breaking changes of a command's or query's input; each needs `@upcasts` (`kernel.versions`). Events have their own."""
    rate: RateClass | None = None
    """Which rate limits apply to its route, where the default is wrong (`rate_class`)."""
    cache: Cache | None = None
    """Whether the gateway may keep the response of a query."""
    former: tuple[FormerVersion, ...] = ()
    """Former versions of its route, newest first."""
    without_operation: str = ""
    """Of a command with a response 202: why it names no operation."""

    @cached_property
    def context(self) -> str:
        return self.context_name or self.handler.__module__.split(".")[1]

    def for_context(self, context: str) -> "Declaration":
        """Return the same function for a context; `{context}` in its route becomes the context's name."""
        return replace(self, context_name=context, http=self.http and self.http.replace("{context}", context))

    @cached_property
    def name(self) -> str:
        """`auth.register`"""
        return f"{self.context}.{self.handler.__name__ if self.event is None else handler_name(self.event)}"

    @cached_property
    def resource_name(self) -> str:
        """`auth-register`: the name of its Knative Service and Trigger (RFC 1123 label)."""
        return self.name.replace(".", "-").replace("_", "-")

    @cached_property
    def summary(self) -> str:
        """The first line of the handler's docstring, or of its module's."""
        text = inspect.getdoc(self.handler) or sys.modules[self.handler.__module__].__doc__ or self.name
        return text.strip().splitlines()[0]

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        return typing.get_type_hints(self.handler)

    @cached_property
    def _parameters(self) -> Sequence[str]:
        return list(inspect.signature(self.handler).parameters)

    @cached_property
    def input(self) -> type[BaseModel] | None:
        """The model of its input; None for a schedule."""
        if self.kind is Kind.SCHEDULE:
            return None
        if not self._parameters:
            raise TypeError(f"{self.name} has no parameters: its first one must be its input")
        if self.event is not None:
            return self.event
        model = self._hints.get(self._parameters[0])
        if self.is_batch_handler:
            [model] = typing.get_args(model)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{self.name}: its first parameter must be annotated with a Model or an Event, not {model!r}")
        if self.kind in (Kind.EVENT, Kind.EFFECT) and not issubclass(model, Event):
            raise TypeError(f"{self.name} handles {model.__name__}, which is not an Event")
        return model

    @cached_property
    def is_batch_handler(self) -> bool:
        """Whether it handles several messages at once: a Sequence of inputs → a Sequence of results, one for each in their order."""
        return bool(self._parameters) and typing.get_origin(self._hints.get(self._parameters[0])) is Sequence

    @cached_property
    def needs_caller(self) -> bool:
        """Whether the function verifies access tokens. If not, a token in the message is ignored: the function has no keys."""
        has_caller = any(dependency is Caller or Caller in typing.get_args(dependency) for dependency in self.dependencies.values())
        return self.kind in (Kind.COMMAND, Kind.QUERY) and (not self.allow.anyone or has_caller)

    @cached_property
    def scope(self) -> Scope | None:
        """The scope that an API token needs: `read` for a query, the context's own for a command. None: API tokens cannot call it."""
        if self.is_session_only:
            return None
        if self.allow.roles:
            return Scope.ADMIN
        if self.kind is Kind.QUERY:
            return Scope.READ
        return Scope(self.context) if self.context in list(Scope) else None

    def authorize(self, caller: Caller | None, now: datetime) -> None:
        """Raises Unauthenticated, Forbidden, or RecentLoginRequired if the caller may not call this function."""
        if self.allow.anyone:
            return
        if caller is None:
            raise Unauthenticated()
        if caller.scopes is not None and self.scope is None:
            raise Forbidden("An API token cannot do this. Sign in with a password: capsule login.")
        if caller.scopes is not None and self.needs_scope and self.scope not in caller.scopes:
            raise Forbidden(f"This needs the scope {self.scope}, which the API token does not have: {', '.join(sorted(caller.scopes)) or 'none'}.")
        if caller.is_service_account and self.allow is OWN_ACCOUNT and not self.allows_service_accounts:
            raise Forbidden("This is about the account of a user, which a service account does not have. `GET /v1/me` tells who it is.")
        if not self.allow.admits(caller):
            raise Forbidden(f"This needs the role {' or '.join(sorted(self.allow.roles))}.")
        if self.needs_recent_login and not caller.has_recent_login(now):
            raise RecentLoginRequired()

    @cached_property
    def dependencies(self) -> Mapping[str, Any]:
        """Parameter name → type, of all parameters that the runtime provides."""
        first = 0 if self.kind is Kind.SCHEDULE else 1
        return {name: self._hints[name] for name in self._parameters[first:]}

    @cached_property
    def output(self) -> Any:
        """The type of the response: T of `Done[T]` (or `Done[T] | Rejected`), the annotation itself for a query. Of one message."""
        annotation = self._hints.get("return", type(None))
        if self.is_batch_handler and typing.get_origin(annotation) is Sequence:
            [annotation] = typing.get_args(annotation)
        if self.kind is Kind.QUERY:
            return annotation
        for choice in typing.get_args(annotation) if typing.get_origin(annotation) in (UnionType, typing.Union) else (annotation,):
            if typing.get_origin(choice) is Done:
                return typing.get_args(choice)[0]
            if choice not in (Rejected, Done, None, type(None)):
                raise TypeError(f"{self.name} must return Done[...], not {choice!r}")
        return type(None)

    @cached_property
    def message_type(self) -> str | None:
        """The CloudEvents type that its Trigger filters on; None for a schedule, whose PingSource points at its Service."""
        if self.kind is Kind.SCHEDULE:
            return None
        if self.kind in (Kind.EVENT, Kind.EFFECT):
            assert self.input is not None and issubclass(self.input, Event)
            return self.input.type
        return self.name

    @cached_property
    def input_version(self) -> int:
        """The version of its input: the event's own, or that of the command or query."""
        return self.input.version if self.input is not None and issubclass(self.input, Event) else self.version

    @cached_property
    def is_writing(self) -> bool:
        return self.kind is not Kind.QUERY

    @cached_property
    def is_audited(self) -> bool:
        """Whether every execution leaves an entry in the audit log: of commands, except webhooks and what only the gateway sends."""
        if self.kind is not Kind.COMMAND or not self.has_audit_entry:
            return False
        is_raw = self.input is not None and issubclass(self.input, RawRequest)
        return not self.allow.anyone or (self.http is not None and not is_raw)

    @cached_property
    def route(self) -> tuple[str, str] | None:
        """(method, path template). Names in braces are fields of the input."""
        return None if self.http is None else self.parse_route(self.http, self.input)

    @cached_property
    def routes(self) -> Sequence[tuple[str, str]]:
        """(method, path template) of the current route and its former versions."""
        former = (self.parse_route(each.http, each.request or self.input) for each in self.former)
        return [] if self.route is None else [self.route, *former]

    def parse_route(self, http: str, model: type[BaseModel] | None) -> tuple[str, str]:
        """Return method and path of `http`, whose parameters are fields of `model`. Raises TypeError."""
        match = ROUTE.match(http)
        if not match:
            raise TypeError(f"{self.name}: http={http!r} is not like 'POST /v1/users/{{user_id}}'")
        method, path = match.groups()
        fields = model.model_fields if model else {}
        for name in re.findall(r"{(\w+)}", path):
            if name not in fields:
                raise TypeError(f"{self.name}: {{{name}}} of its route {path} is not a field of its input ({', '.join(fields)})")
        return method, path

    @cached_property
    def rate_class(self) -> RateClass:
        """Which rate limits apply to its route. A raw body is signed, as a webhook's is: nothing can be guessed with it."""
        if self.rate is not None:
            return self.rate
        if self.kind is Kind.QUERY:
            return RateClass.READS
        is_raw = self.input is not None and issubclass(self.input, RawRequest)
        return RateClass.CREDENTIALS if self.allow.anyone and not is_raw else RateClass.WRITES

    @cached_property
    def secret_fields(self) -> frozenset[str]:
        """Fields of the input that are sealed with the context's key on the wire and at rest. Of a `dict[str, SecretStr]`, the values."""
        if self.input is None:
            return frozenset()
        secret = (SecretStr, SecretStr | None, dict[str, SecretStr])
        return frozenset(name for name, info in self.input.model_fields.items() if without_bounds(info.annotation) in secret)

    def undeclared_events(self, messages: Iterable[OutgoingMessage]) -> list[type[Event]]:
        """Return the event types among `messages`, delayed ones included, that `emits` does not name."""
        events = (message.event if isinstance(message, Delayed) else message for message in messages)
        return list(dict.fromkeys(type(event) for event in events if isinstance(event, Event) and type(event) not in self.emits))

    def is_declared_rejection(self, rejection: Rejection) -> bool:
        return isinstance(rejection, (*self.rejects, *IMPLICIT_REJECTIONS))


def handler_name(event: type[Event]) -> str:
    """`on_customer_created` for CustomerCreated: the name of a function that is derived from a saga."""
    return "on_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", event.__name__).lower()
