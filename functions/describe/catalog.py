"""The declarations as generators need them: by context, route, published and subscribed event."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import events
from functions.kernel import Declaration, Event, Kind

CALLED = (Kind.COMMAND, Kind.QUERY)
SUBSCRIBED = (Kind.EVENT, Kind.EFFECT)


def known_events() -> Sequence[type[Event]]:
    """Return every event of the `events` package, sorted by type. Raises TypeError for two events of one type."""
    found: dict[str, type[Event]] = {}
    for module in pkgutil.iter_modules(events.__path__):
        for value in vars(importlib.import_module(f"events.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Event) and value.type:
                other = found.setdefault(value.type, value)
                if other is not value:
                    raise TypeError(f"{value.__module__}.{value.__name__} and {other.__module__}.{other.__name__} have the same type {value.type}")
    return [found[name] for name in sorted(found)]


@dataclass(frozen=True)
class Catalog:
    declarations: tuple[Declaration, ...]

    @classmethod
    def of(cls, declarations: Iterable[Declaration]) -> "Catalog":
        return cls(tuple(sorted(declarations, key=lambda declaration: declaration.name)))

    @cached_property
    def contexts(self) -> Sequence[str]:
        return sorted({declaration.context for declaration in self.declarations})

    def of_context(self, context: str) -> Sequence[Declaration]:
        return [declaration for declaration in self.declarations if declaration.context == context]

    @cached_property
    def called(self) -> Sequence[Declaration]:
        """Commands and queries."""
        return [declaration for declaration in self.declarations if declaration.kind in CALLED]

    @cached_property
    def routed(self) -> Sequence[Declaration]:
        """Functions with a route at the gateway, sorted by path and method."""
        return sorted((d for d in self.declarations if d.route), key=lambda d: (d.route or ("", ""))[::-1])

    @cached_property
    def events(self) -> Sequence[type[Event]]:
        """Every event that is declared, emitted or handled, sorted by type."""
        found = {event.type: event for event in known_events()}
        for declaration in self.declarations:
            for event in (*declaration.emits, *((declaration.input,) if declaration.kind in SUBSCRIBED else ())):
                if event is not None and issubclass(event, Event):
                    found.setdefault(event.type, event)
        return [found[name] for name in sorted(found)]

    @cached_property
    def publishers(self) -> Mapping[str, Sequence[Declaration]]:
        """Event type → the functions that emit it."""
        return {event.type: [d for d in self.declarations if event in d.emits] for event in self.events}

    @cached_property
    def subscribers(self) -> Mapping[str, Sequence[Declaration]]:
        """Event type → the functions that handle it."""
        return {event.type: [d for d in self.declarations if d.kind in SUBSCRIBED and d.input is event] for event in self.events}
