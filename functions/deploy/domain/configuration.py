"""Variables and secrets of an application.

An entry applies to all environments (scope "") or to one, which takes precedence. Entries are immutable: one version
creates an entry and a later version ends it, so a release of any version gets the values it was released with. One
counter of versions covers all scopes, so a release is the same in every environment.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from functions.deploy.domain import release_facts
from functions.deploy.domain.rejections import InvalidConfiguration
from functions.kernel import FieldError, json_pointer

ALL_ENVIRONMENTS = ""
"""Scope of the entries that apply wherever an environment does not override them."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
PLATFORM_VARIABLES = frozenset({"PORT", "CAPSULE_BIND", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}) | release_facts.NAMES
"""Set by Knative (runtime contract, "Process") and by the platform: where servers listen and by the platform."""
MAX_VALUE_BYTES = 32 * 1024
MAX_CHANGES = 200
MAX_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class Entry:
    scope: str
    name: str
    version: int
    """The version of the configuration that created it."""
    created_at: datetime
    value: str | None = None
    sealed: str | None = None
    """Value of a secret, sealed with this context's key."""
    service_id: UUID | None = None
    """The data service whose URL it is. Its value follows the service: every version has the credentials of now."""
    service_kind: str | None = None

    @property
    def is_secret(self) -> bool:
        return self.sealed is not None

    def has_value_of(self, other: "Entry") -> bool:
        """Whether both have one value. Sealed values cannot be compared: a secret that was set again has another one."""
        return (self.value, self.sealed) == (other.value, other.sealed)


@dataclass(frozen=True, slots=True)
class Change:
    """Variables and secrets to set and names to unset, as one version."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    unset: frozenset[str]
    service_id: UUID | None = None
    """The data service whose URL the secrets are."""
    service_kind: str | None = None

    @classmethod
    def parse(cls, variables: Mapping[str, str], secrets: Mapping[str, str], unset: Iterable[str]) -> "Change":
        """Validate a request. Raises InvalidConfiguration with every fault."""
        names_to_unset = frozenset(unset)
        errors = [
            FieldError(json_pointer([field, name]), fault)
            for field, values in (("variables", variables), ("secrets", secrets))
            for name, value in values.items()
            if (fault := _find_fault(name, value))
        ]
        errors += [FieldError(json_pointer(["secrets", name]), f"{name} is also set as a variable") for name in secrets.keys() & variables.keys()]
        in_conflict = sorted(names_to_unset & (variables.keys() | secrets.keys()))
        errors += [FieldError("/unset", f"{name} is set and unset by the same request") for name in in_conflict]
        count = len(variables) + len(secrets) + len(names_to_unset)
        if count > MAX_CHANGES:
            errors.append(FieldError("", f"{count} changes: use at most {MAX_CHANGES} in one request"))
        if errors:
            raise InvalidConfiguration.of(errors)
        return cls(variables, secrets, names_to_unset)

    def seal(self, seal: Callable[[str], str]) -> "Change":
        """Return the change with sealed secrets, ready to be stored."""
        return replace(self, secrets={name: seal(value) for name, value in self.secrets.items()})

    def without_unchanged(self, entries: Sequence[Entry], scope: str) -> "Change | None":
        """Return what differs from the entries of this scope; None if nothing does. Every secret counts as changed:
        sealed values cannot be compared.

        Raises InvalidConfiguration if the application would have too many entries.
        """
        current = {each.name: each for each in entries if each.scope == scope}
        variables = {name: value for name, value in self.variables.items() if name not in current or current[name].value != value}
        unset = self.unset & current.keys()
        if not (variables or self.secrets or unset):
            return None
        if len(entries) + len(variables) + len(self.secrets) > MAX_ENTRIES:
            raise InvalidConfiguration(f"An application can have at most {MAX_ENTRIES} variables and secrets.")
        return replace(self, variables=variables, unset=frozenset(unset))


def merge(entries: Iterable[Entry], environment: str) -> dict[str, Entry]:
    """Return the entries that apply in the environment, sorted by name."""
    effective: dict[str, Entry] = {}
    for each in sorted(entries, key=lambda each: (each.scope != ALL_ENVIRONMENTS, each.name)):
        if each.scope in (ALL_ENVIRONMENTS, environment):
            effective[each.name] = each
    return dict(sorted(effective.items()))


def _find_fault(name: str, value: str) -> str | None:
    if not NAME.fullmatch(name):
        return f'name "{name}": use letters, digits and underscores, and do not begin with a digit'
    if name in PLATFORM_VARIABLES:
        return f"{name} is set by the platform"
    if "\x00" in value:
        return f"{name} contains U+0000, which an environment variable cannot hold"
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > MAX_VALUE_BYTES:
        return f"{name} has {size} bytes: use at most {MAX_VALUE_BYTES}"
    return None
