"""Which adapter stands behind which port, and how the objects are put together: constructor injection by annotated type.

A `wiring.py` says `Wiring(database="auth", ports={Users: PostgresUsers, Mailer: mailer_from_settings})`. Each port is built once a process, when
a function first needs it, from a class or a factory whose parameters are other ports or what the runtime offers (Database, Settings, Clock …).
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Wiring:
    """One context: the name of its database (`CAPSULE_<NAME>_DATABASE_URL`) and port → class or factory."""

    database: str
    ports: Mapping[Any, Callable[..., Any]] = field(default_factory=dict)


class NothingProvides(Exception):
    """A parameter's type is neither a port of the wiring nor offered by the runtime."""


class Container:
    """Builds what a function needs, each thing once."""

    def __init__(self, wiring: Wiring, offered: Mapping[Any, Any]) -> None:
        """`offered`: type → instance, what the runtime itself provides."""
        self._wiring = wiring
        self._built: dict[Any, Any] = dict(offered)

    def get(self, wanted: Any, asking: str) -> Any:
        """Raises NothingProvides, naming who asked."""
        if wanted in self._built:
            return self._built[wanted]
        factory = self._wiring.ports.get(wanted)
        if factory is None:
            raise NothingProvides(f"{asking} needs {getattr(wanted, '__name__', wanted)}, which its context's wiring.py does not provide")
        built = factory(**self._arguments(factory))
        self._built[wanted] = built
        return built

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
