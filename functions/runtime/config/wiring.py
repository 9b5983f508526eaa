"""Ports and the adapters behind them: constructor injection by annotated type.

A context's `wiring.py` contains `Wiring(database="auth", ports={Users: PostgresUsers, Mailer: mailer_from_settings})`. A port
is built once per process, when a function first needs it, from a class or factory whose parameters are other ports or objects
that the runtime provides (Database, Settings, Clock, …).
"""

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.kernel import Clock
from functions.runtime.config.settings import Settings
from functions.wire.settings import Section


@dataclass(frozen=True)
class SealedColumn:
    """A column of a context's database with sealed texts. `key`: the table's primary key."""

    table: str
    key: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Wiring:
    """The wiring of one context.

    `database`: name in `CAPSULE_<NAME>_DATABASE_URL`. `ports`: port → class or factory. `settings`: variables that only its
    functions read; checked when a process starts. `clock`: makes the clock of its functions from the system's; None: that
    itself. Deadlines, tokens and retries always follow the system's clock. `sealed`: all columns with sealed texts.
    `notices`: what its health query reports about the settings, in sentences: modes that an operator should know of.
    `stored_notices`: what it reports about the state in the database, with the connection of the query and the time.
    """

    database: str
    ports: Mapping[Any, Callable[..., Any]] = field(default_factory=dict)
    settings: tuple[Section, ...] = ()
    clock: Callable[[Settings, Clock], Clock] | None = None
    sealed: tuple[SealedColumn, ...] = ()
    notices: Callable[[Settings], Sequence[str]] = lambda _: ()
    stored_notices: Callable[[Any, datetime], Awaitable[Sequence[str]]] | None = None


class NothingProvides(Exception):
    """The type of a parameter is neither a port of the wiring nor provided by the runtime. The text names both."""


class Container:
    """Builds the dependencies of functions, each once."""

    def __init__(self, wiring: Wiring, provided: Mapping[Any, Any]) -> None:
        """`provided`: type → instance, of what the runtime itself provides."""
        self._wiring = wiring
        self._instances: dict[Any, Any] = dict(provided)

    def get(self, dependency: Any, dependent: str) -> Any:
        """Return the instance of a type. `dependent`: who needs it, for the error. Raises NothingProvides."""
        if dependency in self._instances:
            return self._instances[dependency]
        factory = self._wiring.ports.get(dependency)
        if factory is None:
            name = getattr(dependency, "__name__", dependency)
            raise NothingProvides(f"{dependent} needs {name}, which its context's wiring.py does not provide")
        instance = factory(**self._arguments(factory))
        self._instances[dependency] = instance
        return instance

    def _arguments(self, factory: Callable[..., Any]) -> dict[str, Any]:
        target = factory.__init__ if inspect.isclass(factory) else factory
        if target is object.__init__:
            return {}
        hints = typing.get_type_hints(target)
        name = getattr(factory, "__qualname__", repr(factory))
        parameters = list(inspect.signature(factory).parameters.values())
        return {
            parameter.name: self.get(hints[parameter.name], f"{name}({parameter.name})")
            for parameter in parameters
            if parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
