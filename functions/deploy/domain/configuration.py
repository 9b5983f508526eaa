"""What an application finds in its environment: variables that may be read again, and secrets that may not.

An entry counts for the whole application (scope "") or for one environment, which goes before. Entries are never changed: a version begins them and
a later one ends them, so that a release of any version finds what it was released with. One count of versions serves all scopes, and a release is the
same in every environment.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.deploy.domain.rejections import InvalidConfiguration
from functions.kernel import FieldError

PROJECT = ""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
TAKEN = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
"""Knative gives these."""
LONGEST_VALUE = 32 * 1024
MOST_AT_ONCE = 200
MOST_IN_ALL = 500


@dataclass(frozen=True, slots=True)
class Entry:
    scope: str
    name: str
    since: int
    """The version that set it."""
    at: datetime
    value: str | None = None
    sealed: str | None = None
    """Of a secret: sealed with this context's key, as it is stored."""

    @property
    def secret(self) -> bool:
        return self.sealed is not None


@dataclass(frozen=True, slots=True)
class Change:
    """What is set and what is taken away, all at once."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    unset: frozenset[str]

    @classmethod
    def parse(cls, variables: Mapping[str, str], secrets: Mapping[str, str], unset: Iterable[str]) -> "Change":
        """Of values as they were given. Raises InvalidConfiguration, with every fault."""
        gone = frozenset(unset)
        faults = [
            FieldError(f"/{field}/{name}", fault)
            for field, given in (("variables", variables), ("secrets", secrets))
            for name, value in given.items()
            if (fault := _fault(name, value))
        ]
        faults += [FieldError(f"/secrets/{name}", "is given as a variable too") for name in secrets.keys() & variables.keys()]
        faults += [FieldError("/unset", f"{name} is set by the same request") for name in sorted(gone & (variables.keys() | secrets.keys()))]
        if len(variables) + len(secrets) + len(gone) > MOST_AT_ONCE:
            faults.append(FieldError("", f"at most {MOST_AT_ONCE} at once"))
        if faults:
            raise InvalidConfiguration(errors=faults)
        return cls(variables, secrets, gone)

    def sealed(self, seal: Callable[[str], str]) -> "Change":
        """As it may be stored."""
        return Change(self.variables, {name: seal(value) for name, value in self.secrets.items()}, self.unset)

    def against(self, entries: Sequence[Entry], scope: str) -> "Change | None":
        """What of it changes anything in that scope; None if nothing does. A secret that is given again counts as a new one: nobody can compare."""
        there = {each.name: each for each in entries if each.scope == scope}
        variables = {name: value for name, value in self.variables.items() if name not in there or there[name].value != value}
        gone = self.unset & there.keys()
        if not (variables or self.secrets or gone):
            return None
        if len(entries) + len(variables) + len(self.secrets) > MOST_IN_ALL:
            raise InvalidConfiguration(f"An application may have {MOST_IN_ALL} variables and secrets.")
        return Change(variables, self.secrets, gone)


def merged(entries: Iterable[Entry], environment: str) -> dict[str, Entry]:
    """What counts in that environment, by name."""
    found: dict[str, Entry] = {}
    for each in sorted(entries, key=lambda each: (each.scope != PROJECT, each.name)):
        if each.scope in (PROJECT, environment):
            found[each.name] = each
    return dict(sorted(found.items()))


def _fault(name: str, value: str) -> str | None:
    if not NAME.fullmatch(name):
        return "a name has letters, digits and underscores, and no digit first"
    if name in TAKEN:
        return "the platform gives this one"
    if len(value.encode("utf-8", "surrogatepass")) > LONGEST_VALUE or "\x00" in value:
        return f"a value has at most {LONGEST_VALUE} bytes, and no U+0000"
    return None
