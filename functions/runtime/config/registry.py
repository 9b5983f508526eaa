"""Finds declarations by their place: `functions/<context>/{commands,queries,handlers}/<name>.py` declares the function `<name>`.

A saga's module is `handlers/<name>_saga.py`; several functions are derived from it. What every context has is declared in
`functions/runtime/operations`. Modules are found by name and imported when needed, so this layer depends on none of them.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import functions
from functions.kernel import Declaration, Kind, Order, check_operation
from functions.kernel.declaration_rules import check_access, check_batch_handler, check_cache
from functions.kernel.decorators import declarations_of
from functions.runtime.config.wiring import Wiring

FOLDERS = ("commands", "queries", "handlers")
OPERATIONS = "functions.runtime.operations"
SAGA_SUFFIX = "_saga"


class UnknownFunction(Exception):
    """No module declares a function of that name."""


def contexts() -> Sequence[str]:
    """Return the bounded contexts: the folders of `functions` with a `wiring.py`."""
    names = {path.parent.name for root in functions.__path__ for path in Path(root).glob("*/wiring.py")}
    return sorted(names)


def wiring_of(context: str) -> Wiring:
    """Import and return the wiring of a context. Raises TypeError if its module has none."""
    wiring = importlib.import_module(f"functions.{context}.wiring").wiring
    if not isinstance(wiring, Wiring):
        raise TypeError(f"functions/{context}/wiring.py must contain `wiring = Wiring(...)`")
    return wiring


def _declarations_in(module_name: str) -> Sequence[Declaration]:
    module = importlib.import_module(module_name)
    name = module_name.rpartition(".")[2]
    declarations = declarations_of(getattr(module, name, None))
    if not declarations:
        raise UnknownFunction(f"{module_name} declares no function named {name}: module and function must have the same name")
    return declarations


def find(name: str) -> Declaration:
    """Return the declaration of `auth.register`. Imports its module alone, or the context's sagas. Raises UnknownFunction."""
    context, _, function = name.partition(".")
    if not function.isidentifier() or context not in contexts():
        raise UnknownFunction(f'"{name}" is not a function: use <context>.<function> with a context of {", ".join(contexts())}')
    for folder in FOLDERS:
        module = f"functions.{context}.{folder}.{function}"
        if not function.endswith(SAGA_SUFFIX) and _exists(module):
            return _declarations_in(module)[0]
    if _exists(f"{OPERATIONS}.{function}"):
        return _declarations_in(f"{OPERATIONS}.{function}")[0].for_context(context)
    for module in _modules(f"functions.{context}.handlers"):
        if module.endswith(SAGA_SUFFIX):
            for declaration in _declarations_in(module):
                if declaration.name == name:
                    return declaration
    raise UnknownFunction(f"no functions/{context}/{{{','.join(FOLDERS)}}}/{function}.py, and no saga of {context} handles such an event")


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it does not exist
        return False


def _modules(package: str) -> Iterator[str]:
    paths = importlib.import_module(package).__path__
    for module in sorted(pkgutil.iter_modules(paths), key=lambda found: found.name):
        yield f"{package}.{module.name}"


@dataclass(frozen=True)
class Registry:
    """All declarations of some contexts, in a stable order."""

    declarations: tuple[Declaration, ...]

    @classmethod
    def load(cls, names: Iterable[str] | None = None) -> "Registry":
        """Import and return the declarations of the named contexts (default: all).

        Raises TypeError for a route that does not declare who may use it, whose response may not be cached, or whose 202 names no operation, and
        for a batch of a function that has no transaction of its own, or whose events have a strict order.
        """
        declarations = tuple(_load(contexts() if names is None else names))
        for declaration in declarations:
            check_access(declaration)
            check_operation(declaration)
            check_cache(declaration)
            check_batch_handler(declaration)
            _check_batch(declaration)
        return cls(declarations)

    @cached_property
    def by_name(self) -> Mapping[str, Declaration]:
        return {declaration.name: declaration for declaration in self.declarations}

    def of(self, context: str) -> Sequence[Declaration]:
        return [declaration for declaration in self.declarations if declaration.context == context]


def _load(names: Iterable[str]) -> Iterator[Declaration]:
    for context in sorted(names):
        for folder in FOLDERS:
            for module in _modules(f"functions.{context}.{folder}"):
                yield from _declarations_in(module)
        for module in _modules(OPERATIONS):
            yield from (declaration.for_context(context) for declaration in _declarations_in(module))


def _check_batch(declaration: Declaration) -> None:
    is_writing = declaration.kind in (Kind.COMMAND, Kind.EVENT) and declaration.order is not Order.STRICT
    is_reading = declaration.kind is Kind.QUERY and declaration.is_batch_handler
    if declaration.scale.batch > 1 and not (is_writing or is_reading):
        raise TypeError(
            f"{declaration.name}: only commands, queries of a Sequence, and handlers of events without a strict order, can share a transaction"
            " (Scale.batch)"
        )
