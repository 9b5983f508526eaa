"""One Secret or ConfigMap: its values, and what becomes of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from knative.machine.installation_objects import Object, config_map, decoded, secret

Existing = Mapping[tuple[str, str], Mapping[str, str]]
"""(kind, name) → values in the cluster."""


class State(StrEnum):
    KEPT = "kept"
    """It exists, and stays."""
    GENERATED = "generated"
    SET = "set"
    """The operator named it, and there was none."""
    DERIVED = "derived"
    """It follows from other values: an address from a password, a public key from a private one."""
    REPLACED = "replaced"
    DIFFERS = "differs"
    """The operator named another value than the one that exists, which stays."""
    MISSING = "missing"
    """Only the operator knows it."""


WRITTEN = (State.GENERATED, State.SET, State.DERIVED, State.REPLACED)


@dataclass(frozen=True)
class Replacements:
    """Names of what `--replace` allows to change: `all`, an object, `object/key`, or a key."""

    names: frozenset[str] = frozenset()

    def include(self, name: str, key: str) -> bool:
        return bool(self.names & {"all", name, f"{name}/{key}", key})


@dataclass
class Planned:
    """`hints`: for missing values, what to name. `is_external`: another system writes it (an ExternalSecret, a SealedSecret)."""

    kind: str
    name: str
    values: dict[str, str] = field(default_factory=dict, repr=False)
    states: dict[str, State] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    type: str = "Opaque"
    is_external: bool = False
    optional: bool = False

    @property
    def changes(self) -> list[str]:
        """Keys that `--apply` writes."""
        return [key for key, state in self.states.items() if state in WRITTEN]

    def keys_in(self, state: State) -> list[str]:
        return [key for key, each in self.states.items() if each is state]

    @property
    def manifest(self) -> Object:
        return config_map(self.name, self.values) if self.kind == "ConfigMap" else secret(self.name, self.values, self.type)


def settle(
    item: Planned,
    key: str,
    existing: Mapping[str, str],
    value: str | None,
    *,
    may_replace: bool,
    generate: Callable[[], str] | None = None,
    hint: str = "",
    is_required: bool = True,
) -> str | None:
    """Decide one value, record it in `item`, and return it. `value`: what the operator named, or what follows from other values."""
    present = existing.get(key)
    if present is not None:
        if value is None or value == present:
            chosen, state = present, State.KEPT
        elif may_replace:
            chosen, state = value, State.REPLACED
        else:
            chosen, state = present, State.DIFFERS
    elif value is not None:
        chosen, state = value, State.SET
    elif generate is not None:
        chosen, state = generate(), State.GENERATED
    else:
        if is_required:
            item.states[key], item.hints[key] = State.MISSING, hint
        return None
    item.values[key], item.states[key] = chosen, state
    return chosen


def derive(item: Planned, key: str, existing: Mapping[str, str], value: str) -> None:
    """Record a value that has no information of its own: it is always what it follows from."""
    item.values[key] = value
    item.states[key] = State.KEPT if existing.get(key) == value else State.DERIVED


def values_of(item: Object) -> dict[str, str]:
    """The values of a Secret or ConfigMap of the API."""
    data = item.get("data") or {}
    return decoded(data) if item.get("kind") == "Secret" else dict(data)


EXTERNAL_OWNERS = ("ExternalSecret", "SealedSecret")
EXTERNAL = "capsule.dev/external-secret"
"""Annotation of Secrets that another system writes. Its value names that system."""


def is_external(item: Object) -> bool:
    """Whether another system writes the object: by its owner, or by the annotation."""
    metadata = item["metadata"]
    owners = {each["kind"] for each in metadata.get("ownerReferences") or ()}
    return bool(owners & set(EXTERNAL_OWNERS)) or EXTERNAL in (metadata.get("annotations") or {})


def keep_others(item: Planned, existing: Mapping[str, str], but: Iterable[str] = ()) -> None:
    """Keep keys that the operator added: server-side apply removes what a manager no longer names."""
    for key, value in existing.items():
        if key not in item.values and key not in but:
            item.values[key], item.states[key] = value, State.KEPT
