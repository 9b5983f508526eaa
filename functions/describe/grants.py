"""Derive what a function gets beside its code: mounted keys, an account of the cluster.

Nothing is declared by hand. A function's signature names its ports, the context's wiring names the adapter of each and
what that adapter needs in turn. Some of these types have a grant, by their name, in any context:

    SigningKeys   the Secret auth-signing at /etc/capsule/signing
    PublicKeys    the ConfigMap capsule-jwks at /etc/capsule/jwks (also for functions that verify a caller's token)
    Builds        the ConfigMap capsule-build, the operator's template of build Jobs, and the Secret capsule-registry at /etc/capsule/build
    Vault         the keys of its context: the ConfigMap capsule-sealing and the Secret <context>-sealing
    Housekeeping  the same, in a context that stores sealed texts
    WebhookVerifier, ApplicationRequests   a key that is shared with another party and rotates, at /etc/capsule/credentials
    CertificateAuthority   the operator's DNS hook, if there is one: the Secret deploy-dns-hook at /etc/capsule/credentials
    ServiceProvisioners, ServiceMover   the servers of the data services: the Secret deploy-services at /etc/capsule/credentials
    ServiceBackupStore   the backup store and its key: the Secret deploy-backups, and the server of the data services, likewise
    Cluster, DomainObjects, ServiceProvisioners, VolumeStorage   the Service runs under the service account <context>-cluster
    FunctionServices   under the service account <context>-functions, which lists the platform's functions and does nothing else
"""

import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from functions.kernel import Declaration
from functions.runtime.config.wiring import Wiring

CLUSTER_PORTS = frozenset({"Cluster", "DomainObjects", "ServiceProvisioners", "VolumeStorage"})
"""Whose adapters call the Kubernetes API. A test compares them with the wiring."""
OUTSIDE = frozenset(
    {
        "ApplicationRequests",
        "CertificateAuthority",
        "EmailTransport",
        "Networks",
        "Notifications",
        "PaymentProvider",
        "ProviderClient",
        "Queues",
        "RenewalInfo",
        "Resolver",
        "ServiceBackupStore",
        "ServiceMover",
        "ServiceProvisioners",
        "Webhooks",
    }
)
"""Ports with adapters that connect to something that is neither RabbitMQ's broker, the context's own database nor the cluster's API."""


@dataclass(frozen=True)
class Grants:
    """`verifies_tokens`: has the public keys of access tokens. `opens_secrets`: has the private key of its context, which
    decrypts sealed fields and signs replays. `seals`: has the public keys of the contexts. `verifies_webhooks`: has the secrets
    with which the payment provider signs. `checks_applications`: has the key that marks the platform's own requests.
    `answers_dns_challenges`: has the operator's DNS hook. `provisions_services`: has the login that creates databases of applications.
    `stores_backups`: has the backup store and its key.
    `reaches_outside`: may connect to more than broker, own database and cluster.
    """

    verifies_tokens: bool = False
    opens_secrets: bool = False
    seals: bool = False
    signs_tokens: bool = False
    builds: bool = False
    verifies_webhooks: bool = False
    checks_applications: bool = False
    answers_dns_challenges: bool = False
    provisions_services: bool = False
    stores_backups: bool = False
    cluster: bool = False
    lists_functions: bool = False
    reaches_outside: bool = False

    @property
    def takes_long(self) -> bool:
        return self.stores_backups or self.answers_dns_challenges


def grants_of(declaration: Declaration, wiring: Wiring) -> Grants:
    names = {getattr(dependency, "__name__", "") for dependency in _dependencies(declaration, wiring)}
    reseals = "Housekeeping" in names and bool(wiring.sealed)
    return Grants(
        verifies_tokens="PublicKeys" in names or declaration.needs_caller,
        opens_secrets=bool(declaration.secret_fields) or not names.isdisjoint({"ReplaySigner", "Vault"}) or declaration.needs_caller or reseals,
        seals="Vault" in names or reseals,
        signs_tokens="SigningKeys" in names,
        builds="Builds" in names,
        verifies_webhooks="WebhookVerifier" in names,
        checks_applications="ApplicationRequests" in names,
        answers_dns_challenges="CertificateAuthority" in names,
        provisions_services=not names.isdisjoint({"ServiceProvisioners", "ServiceMover", "ServiceBackupStore"}),
        stores_backups="ServiceBackupStore" in names,
        cluster=not names.isdisjoint(CLUSTER_PORTS),
        lists_functions="FunctionServices" in names,
        reaches_outside=not names.isdisjoint(OUTSIDE),
    )


def _dependencies(declaration: Declaration, wiring: Wiring) -> Iterator[Any]:
    """Yield the ports and factories that a function depends on, directly and indirectly."""
    visited: list[Any] = []
    waiting = list(declaration.dependencies.values())
    while waiting:
        port = waiting.pop()
        if port in visited:
            continue
        visited.append(port)
        yield port
        factory = wiring.ports.get(port)
        if factory is not None:
            yield factory
            waiting.extend(_parameter_types(factory))


def _parameter_types(factory: Callable[..., Any]) -> list[Any]:
    target = factory.__init__ if inspect.isclass(factory) else factory
    if target is object.__init__:
        return []
    return [hint for name, hint in typing.get_type_hints(target).items() if name != "return"]
