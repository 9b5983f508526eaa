"""The declaration of a function: what its decorator says, and all that is read from its module path and signature.

`functions/auth/commands/register.py: register` is `auth.register`: name, routing key, and (with dashes) the name of its Knative objects.
The first parameter is the input (a schedule has none); every other parameter is a need that the runtime fills by its type from the
context's `wiring.py`, or from the message (`Caller`, `Client`, `Origin`, `Clock`, `Work`).
"""

import inspect
import re
import sys
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from functools import cached_property
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from functions.kernel.access import SIGNED_IN, Allow, Caller
from functions.kernel.message import Event
from functions.kernel.outcome import Done, Rejected, Rejection

Handler = Callable[..., Awaitable[Any]]
F = TypeVar("F", bound=Handler)

ATTRIBUTE = "__capsule__"
ROUTE = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (/[a-zA-Z0-9_./{}-]*)$")


class Kind(StrEnum):
    COMMAND = "command"
    QUERY = "query"
    EVENT = "event"
    EFFECT = "effect"
    SCHEDULE = "schedule"


class Order(Enum):
    """How a handler takes the events of one subject."""

    NEWER = "newer"  # skip what is older than what was applied: the event tells a state
    ANY = "any"  # apply each once, in whatever order they come: the event is to be added up
    STRICT = "strict"  # one after another without a gap: early ones are parked until those before them were applied


@dataclass(frozen=True, slots=True)
class Scale:
    """How many instances there may be, and how many messages one takes at a time. `pool` bounds its database connections."""

    min: int = 0
    max: int = 5
    concurrency: int = 20
    pool: int = 2


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failing message is tried in all, and the seconds before the second try; they double, with jitter, up to an hour."""

    attempts: int = 8
    first_delay: float = 1.0


@dataclass(frozen=True)
class Declaration:
    kind: Kind
    handler: Handler
    http: str | None = None
    answers: int = 200
    allow: Allow = SIGNED_IN
    rejects: tuple[type[Rejection], ...] = ()
    emits: tuple[type[Event], ...] = ()
    scale: Scale = field(default_factory=Scale)
    retry: Retry = field(default_factory=Retry)
    order: Order = Order.NEWER
    patience: float = 600.0  # seconds that an early event is parked (Order.STRICT) before it goes to the dead letters
    schedule: str | None = None
    deadline: float = 10.0  # seconds a caller waits
    belongs_to: str | None = None  # the context, where the module does not say it
    secret_answer: bool = False  # tokens: the answer is sent once and never stored
    version: int = 1  # counts breaking changes of the input, each with its @upcasts (see `kernel.versions`); an event has its own

    @cached_property
    def context(self) -> str:
        return self.belongs_to or self.handler.__module__.split(".")[1]

    def of_context(self, context: str) -> "Declaration":
        """The same function for that context; `{context}` in its route becomes its name."""
        return replace(self, belongs_to=context, http=self.http and self.http.replace("{context}", context))

    @cached_property
    def name(self) -> str:
        """`auth.register`"""
        return f"{self.context}.{self.handler.__name__}"

    @cached_property
    def resource_name(self) -> str:
        """`auth-register`: the name of its Knative Service and Trigger (RFC 1123 label)."""
        return self.name.replace(".", "-").replace("_", "-")

    @cached_property
    def summary(self) -> str:
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
        """The model of what it is given; None for a schedule."""
        if self.kind is Kind.SCHEDULE:
            return None
        if not self._parameters:
            raise TypeError(f"{self.name} takes nothing: its first parameter is its input")
        model = self._hints.get(self._parameters[0])
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{self.name}: its first parameter must be annotated with a Model or an Event, not {model!r}")
        if self.kind in (Kind.EVENT, Kind.EFFECT) and not issubclass(model, Event):
            raise TypeError(f"{self.name} handles {model.__name__}, which is no Event")
        return model

    @cached_property
    def knows_caller(self) -> bool:
        """Whether it matters who asks. If not, a token that comes along is not looked at: the function has no keys to verify it with."""
        asked = any(need is Caller or Caller in typing.get_args(need) for need in self.needs.values())
        return self.kind in (Kind.COMMAND, Kind.QUERY) and (not self.allow.anyone or asked)

    @cached_property
    def needs(self) -> Mapping[str, Any]:
        """Parameter name → type, for all that the runtime fills in."""
        first = 0 if self.kind is Kind.SCHEDULE else 1
        return {name: self._hints[name] for name in self._parameters[first:]}

    @cached_property
    def output(self) -> Any:
        """The type of the answer: of `Done[T]` (or `Done[T] | Rejected`) for what writes, the annotation itself for a query."""
        annotation = self._hints.get("return", type(None))
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
        """The CloudEvents type its Trigger filters on; None for a schedule (its PingSource points at its Service)."""
        if self.kind is Kind.SCHEDULE:
            return None
        if self.kind in (Kind.EVENT, Kind.EFFECT):
            assert self.input is not None and issubclass(self.input, Event)
            return self.input.type
        return self.name

    @cached_property
    def input_version(self) -> int:
        """Of what it takes: the event's own, or that of the command or query (see `kernel.versions`)."""
        return self.input.version if self.input is not None and issubclass(self.input, Event) else self.version

    @cached_property
    def writes(self) -> bool:
        return self.kind is not Kind.QUERY

    @cached_property
    def route(self) -> tuple[str, str] | None:
        """(method, path template), the template's names being fields of the input."""
        if self.http is None:
            return None
        found = ROUTE.match(self.http)
        if not found:
            raise TypeError(f"{self.name}: http={self.http!r} is not like 'POST /v1/users/{{user_id}}'")
        method, path = found.groups()
        fields = self.input.model_fields if self.input else {}
        for name in re.findall(r"{(\w+)}", path):
            if name not in fields:
                raise TypeError(f"{self.name}: {{{name}}} of its route {path} is not a field of its input ({', '.join(fields)})")
        return method, path

    @cached_property
    def secret_fields(self) -> frozenset[str]:
        """Fields of the input that are sealed with the context's key while they travel and while they are stored; of a `dict[str, SecretStr]` each
        value is, and the names are not."""
        if self.input is None:
            return frozenset()
        secret = (SecretStr, SecretStr | None, dict[str, SecretStr])
        return frozenset(name for name, info in self.input.model_fields.items() if info.annotation in secret)


def declaration_of(handler: Any) -> Declaration | None:
    found = getattr(handler, ATTRIBUTE, None)
    return found if isinstance(found, Declaration) else None


def _declare(kind: Kind, **said: Any) -> Callable[[F], F]:
    def decorate(handler: F) -> F:
        setattr(handler, ATTRIBUTE, Declaration(kind=kind, handler=handler, **said))
        return handler

    return decorate


def command(
    *,
    http: str | None = None,
    answers: int = 200,
    allow: Allow = SIGNED_IN,
    rejects: Sequence[type[Rejection]] = (),
    emits: Sequence[type[Event]] = (),
    scale: Scale | None = None,
    retry: Retry | None = None,
    deadline: float = 10.0,
    secret_answer: bool = False,
    version: int = 1,
) -> Callable[[F], F]:
    """Declares a command. `answers` is the HTTP status of its success (200, 201, 202 or 204). `secret_answer`: it holds tokens; it is
    sent once and never stored."""
    return _declare(
        Kind.COMMAND,
        http=http,
        answers=answers,
        allow=allow,
        rejects=tuple(rejects),
        emits=tuple(emits),
        scale=scale or Scale(),
        retry=retry or Retry(),
        deadline=deadline,
        secret_answer=secret_answer,
        version=version,
    )


def query(
    *,
    http: str | None = None,
    allow: Allow = SIGNED_IN,
    rejects: Sequence[type[Rejection]] = (),
    scale: Scale | None = None,
    deadline: float = 10.0,
    version: int = 1,
) -> Callable[[F], F]:
    """Declares a query: a read-only transaction, no inbox, nothing stored."""
    return _declare(Kind.QUERY, http=http, allow=allow, rejects=tuple(rejects), scale=scale or Scale(), deadline=deadline, version=version)


def on(
    *,
    emits: Sequence[type[Event]] = (),
    order: Order = Order.NEWER,
    patience: float = 600.0,
    scale: Scale | None = None,
    retry: Retry | None = None,
) -> Callable[[F], F]:
    """Declares an event handler; the event is the type of its first parameter. `patience`: seconds an early event waits (Order.STRICT)."""
    return _declare(Kind.EVENT, emits=tuple(emits), order=order, patience=patience, scale=scale or Scale(), retry=retry or Retry())


def effect(
    *, emits: Sequence[type[Event]] = (), order: Order = Order.ANY, scale: Scale | None = None, retry: Retry | None = None
) -> Callable[[F], F]:
    """Declares a handler that acts on the world outside between short transactions of its own (`Work`)."""
    return _declare(Kind.EFFECT, emits=tuple(emits), order=order, scale=scale or Scale(max=3), retry=retry or Retry())


def every(schedule: str, *, emits: Sequence[type[Event]] = (), scale: Scale | None = None) -> Callable[[F], F]:
    """Declares a schedule (five cron fields, UTC). Ticks may be missed or doubled; the function must bear both."""
    return _declare(Kind.SCHEDULE, schedule=schedule, emits=tuple(emits), scale=scale or Scale(max=1), retry=Retry(attempts=1))
