"""What a function must be given beside its code: mounted keys, an account of the cluster.

Nothing of it is declared by hand. A function's needs stand in its signature; its context's wiring says which adapter is behind each and what
that adapter needs in turn, all the way down. Some types on that way have a grant attached, by their name, in whatever context:

    SigningKeys   the Secret auth-signing at /etc/capsule/signing
    PublicKeys    the ConfigMap capsule-jwks at /etc/capsule/jwks (so has every function that verifies a caller's token)
    Builds        the ConfigMap capsule-build, the operator's template of a build Job, at /etc/capsule/build
    Vault         its context's own keys to seal and open with: the ConfigMap capsule-sealing and the Secret <context>-sealing
    Cluster       the Service runs under the service account <context>-cluster
"""

import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from functions.kernel import Declaration
from functions.runtime.config.wiring import Wiring


@dataclass(frozen=True)
class Grants:
    verifies_tokens: bool = False  # the public keys that callers' tokens are verified with
    opens_secrets: bool = False  # the private key of its context's sealed fields; what is vouched for at a replay is signed with a key of it
    seals: bool = False  # the public keys to seal with
    signs_tokens: bool = False
    builds: bool = False
    cluster: bool = False


def grants_of(declaration: Declaration, wiring: Wiring) -> Grants:
    reached = {getattr(thing, "__name__", "") for thing in _reached(declaration, wiring)}
    return Grants(
        verifies_tokens="PublicKeys" in reached or declaration.needs_caller,
        opens_secrets=bool(declaration.secret_fields) or not reached.isdisjoint({"ReplaySigner", "Vault"}) or declaration.needs_caller,
        seals="Vault" in reached,
        signs_tokens="SigningKeys" in reached,
        builds="Builds" in reached,
        cluster="Cluster" in reached,
    )


def _reached(declaration: Declaration, wiring: Wiring) -> Iterator[Any]:
    """Ports and factories that stand behind a function, all the way down."""
    seen: list[Any] = []
    waiting = list(declaration.dependencies.values())
    while waiting:
        port = waiting.pop()
        if port in seen:
            continue
        seen.append(port)
        yield port
        factory = wiring.ports.get(port)
        if factory is not None:
            yield factory
            waiting.extend(_needs_of(factory))


def _needs_of(factory: Callable[..., Any]) -> list[Any]:
    target = factory.__init__ if inspect.isclass(factory) else factory
    if target is object.__init__:
        return []
    return [hint for name, hint in typing.get_type_hints(target).items() if name != "return"]
