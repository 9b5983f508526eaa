"""Finds declarations by where they stand: `functions/<context>/{commands,queries,handlers}/<name>.py` holds one, named `<name>`; what every
context has stands in `functions/runtime/operations`."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import functions
from functions.kernel import Declaration
from functions.kernel.declaration import declaration_of
from functions.runtime import operations
from functions.runtime.config.wiring import Wiring

FOLDERS = ("commands", "queries", "handlers")


class UnknownFunction(Exception):
    """No file declares a function of that name."""


def contexts() -> Sequence[str]:
    """Every folder of `functions` that has a wiring is a bounded context."""
    found = {path.parent.name for root in functions.__path__ for path in Path(root).glob("*/wiring.py")}
    return sorted(found - {"runtime"})


def wiring_of(context: str) -> Wiring:
    wiring = importlib.import_module(f"functions.{context}.wiring").wiring
    if not isinstance(wiring, Wiring):
        raise TypeError(f"functions/{context}/wiring.py must hold `wiring = Wiring(...)`")
    return wiring


def _declared_in(module_name: str) -> Declaration:
    module = importlib.import_module(module_name)
    name = module_name.rpartition(".")[2]
    declaration = declaration_of(getattr(module, name, None))
    if declaration is None:
        raise UnknownFunction(f"{module_name} declares no function named {name}: a file and its one function share their name")
    return declaration


def find(name: str) -> Declaration:
    """The declaration of `auth.register`, importing its module alone. Raises UnknownFunction."""
    context, _, function = name.partition(".")
    for folder in FOLDERS:
        module = f"functions.{context}.{folder}.{function}"
        if function.isidentifier() and _exists(module):
            return _declared_in(module)
    operation = f"{operations.__name__}.{function}"
    if function.isidentifier() and context in contexts() and _exists(operation):
        return _declared_in(operation).of_context(context)
    raise UnknownFunction(f"there is no functions/{context}/{{{','.join(FOLDERS)}}}/{function}.py")


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its folder is not there
        return False


@dataclass(frozen=True)
class Registry:
    """All declarations of some contexts, in a stable order."""

    declarations: tuple[Declaration, ...]

    @classmethod
    def load(cls, names: Iterable[str] | None = None) -> "Registry":
        return cls(tuple(_all(contexts() if names is None else names)))

    @cached_property
    def by_name(self) -> Mapping[str, Declaration]:
        return {declaration.name: declaration for declaration in self.declarations}

    def of(self, context: str) -> Sequence[Declaration]:
        return [declaration for declaration in self.declarations if declaration.context == context]


def _all(names: Iterable[str]) -> Iterator[Declaration]:
    for context in sorted(names):
        for folder in FOLDERS:
            package = f"functions.{context}.{folder}"
            paths = importlib.import_module(package).__path__
            for module in sorted(pkgutil.iter_modules(paths), key=lambda found: found.name):
                yield _declared_in(f"{package}.{module.name}")
        for module in sorted(pkgutil.iter_modules(operations.__path__), key=lambda found: found.name):
            yield _declared_in(f"{operations.__name__}.{module.name}").of_context(context)
