"""The decorators that declare functions. Each attaches its declarations to the handler and returns the handler unchanged."""

import inspect
import typing
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, TypeVar

from functions.kernel.access import SIGNED_IN, Allow
from functions.kernel.caching import Cache
from functions.kernel.declaration import Declaration, Handler, Kind, Order
from functions.kernel.former_versions import FormerVersion
from functions.kernel.message import Event
from functions.kernel.outcome import RecentLoginRequired, Rejection
from functions.kernel.permissions import Permission
from functions.kernel.rates import RateClass
from functions.kernel.scale import Retry, Scale

F = TypeVar("F", bound=Handler)

ATTRIBUTE = "__capsule__"


def declarations_of(handler: Any) -> tuple[Declaration, ...]:
    """Return the declarations that a decorator attached: one, several for a saga, none for any other object."""
    declarations = getattr(handler, ATTRIBUTE, ())
    return declarations if isinstance(declarations, tuple) else ()


def _declare(kind: Kind, **fields: Any) -> Callable[[F], F]:
    def decorate(handler: F) -> F:
        setattr(handler, ATTRIBUTE, (Declaration(kind=kind, handler=handler, **fields),))
        return handler

    return decorate


def command(
    *,
    http: str | None = None,
    status: int = 200,
    allow: Allow = SIGNED_IN,
    permission: Permission | None = None,
    rejects: Sequence[type[Rejection]] = (),
    emits: Sequence[type[Event]] = (),
    scale: Scale | None = None,
    retry: Retry | None = None,
    deadline_seconds: float = 10.0,
    has_secret_response: bool = False,
    is_session_only: bool = False,
    needs_recent_login: bool = False,
    has_audit_entry: bool = True,
    version: int = 1,
    rate: RateClass | None = None,
    former: Sequence[FormerVersion] = (),
    without_operation: str = "",
) -> Callable[[F], F]:
    """Declare a command.

    `permission`: what the caller needs in a team; a route without one declares `allow`.
    `http`: "METHOD /path/{field}". `status`: of a successful HTTP response (200, 201, 202 or 204). `rejects`, `emits`: every
    rejection it may answer with and every event it may publish. `has_secret_response`: the response contains tokens; it is sent
    once and never stored. `is_session_only`: API tokens cannot call it. `needs_recent_login`: it changes the account's security.
    `has_audit_entry`: False for what programs repeat by themselves, such as the refresh of a session.
    `rate`: which rate limits apply to its route, where the default is wrong (`RateClass`).
    `former`: versions of its route that still answer, newest first.
    `without_operation`: why a response 202 has no field `operation_id`.

    A command of `Sequence[SomeInput]`, with a `Sequence[Permit]`, takes all requests of a batch (`Scale.batch`) at once and returns a result
    for each. It raises the Rejection of any of them: what it wrote is undone, and it is called for each alone.
    """
    return _declare(
        Kind.COMMAND,
        http=http,
        status=status,
        allow=allow,
        permission=permission,
        rejects=(*rejects, *((RecentLoginRequired,) if needs_recent_login else ())),
        emits=tuple(emits),
        scale=scale or Scale(),
        retry=retry or Retry(),
        deadline_seconds=deadline_seconds,
        has_secret_response=has_secret_response,
        is_session_only=is_session_only,
        needs_recent_login=needs_recent_login,
        has_audit_entry=has_audit_entry,
        version=version,
        rate=rate,
        former=tuple(former),
        without_operation=without_operation,
    )


def query(
    *,
    http: str | None = None,
    allow: Allow = SIGNED_IN,
    permission: Permission | None = None,
    rejects: Sequence[type[Rejection]] = (),
    scale: Scale | None = None,
    deadline_seconds: float = 10.0,
    is_session_only: bool = False,
    allows_service_accounts: bool = False,
    needs_scope: bool = True,
    version: int = 1,
    rate: RateClass | None = None,
    cache: Cache | None = None,
    former: Sequence[FormerVersion] = (),
) -> Callable[[F], F]:
    """Declare a query. It runs read-only and stores nothing.

    `is_session_only`: API tokens cannot call it. `allows_service_accounts`: with `allow=OWN_ACCOUNT`, it has an answer for them too.
    `needs_scope`: False if an API token of any scope may call it.
    `cache`: the gateway may keep its response. `former`: versions of its route that still answer, newest first.

    A query of `Sequence[SomeInput]`, with a `Sequence[Caller]` or a `Sequence[Permit]`, reads for all requests of a batch (`Scale.batch`) at once
    and returns a result for each. It raises the Rejection of any of them: it is called for each alone.
    """
    return _declare(
        Kind.QUERY,
        http=http,
        allow=allow,
        permission=permission,
        rejects=tuple(rejects),
        scale=scale or Scale(),
        deadline_seconds=deadline_seconds,
        is_session_only=is_session_only,
        allows_service_accounts=allows_service_accounts,
        needs_scope=needs_scope,
        version=version,
        rate=rate,
        cache=cache,
        former=tuple(former),
    )


def on(
    *,
    emits: Sequence[type[Event]] = (),
    order: Order = Order.NEWER,
    max_wait_seconds: float = 600.0,
    scale: Scale | None = None,
    retry: Retry | None = None,
) -> Callable[[F], F]:
    """Declare an event handler. Its event is the type of its first parameter. `max_wait_seconds`: how long an early event is parked.

    A handler of `Sequence[SomeEvent]`, which returns a `Done` for each, takes all events of a batch (`Scale.batch`) at once, with a statement
    for all instead of one for each. A subject is in a batch once, unless it is `Order.ANY`. An exception makes each event arrive alone.
    """
    return _declare(Kind.EVENT, emits=tuple(emits), order=order, max_wait_seconds=max_wait_seconds, scale=scale or Scale(), retry=retry or Retry())


def saga(
    *, emits: Sequence[type[Event]] = (), order: Order = Order.NEWER, scale: Scale | None = None, retry: Retry | None = None
) -> Callable[[F], F]:
    """Declare the handler of all events that one saga waits for: the union that annotates its first parameter.

    Derives one event handler for each event of the union: `on_customer_created` for CustomerCreated, with a queue of its own.
    The module is `handlers/<name>_saga.py`, its function `<name>_saga`.
    """

    def decorate(handler: F) -> F:
        first = next(iter(inspect.signature(handler).parameters), None)
        annotation = typing.get_type_hints(handler).get(first or "")
        events = typing.get_args(annotation) if typing.get_origin(annotation) in (UnionType, typing.Union) else (annotation,)
        if not all(isinstance(event, type) and issubclass(event, Event) for event in events):
            raise TypeError(f"{handler.__name__}: its first parameter must be annotated with a union of Events, not {annotation!r}")
        derived = (
            Declaration(Kind.EVENT, handler, emits=tuple(emits), order=order, event=event, scale=scale or Scale(), retry=retry or Retry())
            for event in events
        )
        setattr(handler, ATTRIBUTE, tuple(derived))
        return handler

    return decorate


def effect(
    *, emits: Sequence[type[Event]] = (), order: Order = Order.ANY, scale: Scale | None = None, retry: Retry | None = None
) -> Callable[[F], F]:
    """Declare an event handler that calls external systems between short transactions of its own (`Work`)."""
    return _declare(Kind.EFFECT, emits=tuple(emits), order=order, scale=scale or Scale(max=3), retry=retry or Retry())


def every(schedule: str, *, emits: Sequence[type[Event]] = (), scale: Scale | None = None) -> Callable[[F], F]:
    """Declare a schedule (five cron fields, UTC). A tick may be lost or delivered twice: the function must be idempotent."""
    return _declare(Kind.SCHEDULE, schedule=schedule, emits=tuple(emits), scale=scale or Scale(max=1), retry=Retry(attempts=1))
