"""Which Route owns a host name that several Routes claim.

A host has one owner, and another Route's claim to the same name does not change the owner's traffic. Claims are
ordered, so the owner depends neither on the order in which Routes are reconciled nor on a restart:

1. Routes of the platform's namespaces come before all others, whenever they were created.
2. The earlier claim comes first. A Route claims its hosts when it is created (`metadata.creationTimestamp`). A host
   that it claims later, for example by a new tag, counts from then on, so that an old Route takes no host from a newer
   one.
3. Claims of the same second: the older Route, then the smaller uid.

Knative leaves this to its networking layer: net-kourier rejects an Ingress whose domain another one has
(`DomainConflict`); a DomainMapping is rejected with `DomainAlreadyClaimed`.
"""

from bisect import insort
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, order=True)
class Precedence:
    """The smallest owns the host. Times are RFC 3339 in UTC with whole seconds, which sort as text."""

    is_tenant: bool
    claimed_at: str
    created_at: str
    uid: str


@dataclass(frozen=True, slots=True, order=True)
class Claim(Generic[K, V]):
    precedence: Precedence
    claimant: K = field(compare=False)
    value: V = field(compare=False)


class HostClaims(Generic[K, V]):
    """The claims on each host, the owner's first."""

    def __init__(self) -> None:
        self._claims: dict[str, list[Claim[K, V]]] = {}
        self._hosts: dict[K, frozenset[str]] = {}

    def owner(self, host: str) -> Claim[K, V] | None:
        found = self._claims.get(host)
        return found[0] if found else None

    def hosts(self, claimant: K) -> frozenset[str]:
        return self._hosts.get(claimant, frozenset())

    def conflicts(self, claimant: K) -> list[str]:
        """Return the hosts that it claims and another claimant owns, sorted."""
        return sorted(host for host in self.hosts(claimant) if self._claims[host][0].claimant != claimant)

    def replace(self, claimant: K, claims: Mapping[str, tuple[Precedence, V]]) -> set[K]:
        """Replace the claims of a claimant. Returns the other claimants that gained or lost a host."""
        before = {host: self._owner_of(host) for host in self.hosts(claimant) | claims.keys()}
        for host in self.hosts(claimant):
            remaining = [claim for claim in self._claims[host] if claim.claimant != claimant]
            if remaining:
                self._claims[host] = remaining
            else:
                del self._claims[host]
        for host, (precedence, value) in claims.items():
            insort(self._claims.setdefault(host, []), Claim(precedence, claimant, value))
        if claims:
            self._hosts[claimant] = frozenset(claims)
        else:
            self._hosts.pop(claimant, None)
        return self._changed(before) - {claimant}

    def remove(self, claimant: K) -> set[K]:
        """Remove all claims of a claimant. Returns the claimants that now own one of its hosts."""
        return self.replace(claimant, {})

    def _owner_of(self, host: str) -> K | None:
        owner = self.owner(host)
        return owner.claimant if owner is not None else None

    def _changed(self, before: Mapping[str, K | None]) -> set[K]:
        pairs: Iterable[tuple[K | None, K | None]] = ((owner, self._owner_of(host)) for host, owner in before.items())
        return {each for old, new in pairs if old != new for each in (old, new) if each is not None}
