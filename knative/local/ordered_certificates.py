"""The certificates of the platform's own names that Capsule orders itself, by DNS-01 through the operator's hook: where they are, and when the
next order is due.

`knative.platform_certificates` orders them, in a process of its own. The ingress serves them from the next connection on. What an operator brings
(CAPSULE_HTTPS_CERTIFICATE, CAPSULE_HTTPS_APPLICATION_CERTIFICATE) is not ordered. Loads no signing library.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from functions.deploy.adapters.domain_variables import ACME_DIRECTORY
from functions.wire.settings import InvalidSetting
from knative.local.files import write_private
from knative.local.own_hosts import OwnHosts
from knative.local.variables import DNS_HOOK, HTTPS, HTTPS_APPLICATION_CERTIFICATE, HTTPS_CERTIFICATE

FOLDER = "platform-certificates"
"""Below the folder of secrets."""


@dataclass(frozen=True, slots=True)
class OrderState:
    """What is known of a certificate. `hosts`: those of the last order. Times are UTC; `next_attempt_at`: when the next one is ordered.

    `renewal_info_at`: the next request for its renewal information (RFC 9773).
    """

    hosts: tuple[str, ...] = ()
    issuer: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    attempted_at: datetime | None = None
    next_attempt_at: datetime | None = None
    renewal_info_at: datetime | None = None
    failures: int = 0
    """Since the last success."""
    failure: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        document = json.loads(text)
        times = {name: datetime.fromisoformat(value) for name, value in document.items() if name.endswith("_at") and value}
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known} | times | {"hosts": tuple(document["hosts"])})

    def text(self) -> str:
        return json.dumps({name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()}, indent=1)

    def due_at(self, hosts: tuple[str, ...]) -> datetime:
        """When there is something to do: an order, or a question to the authority."""
        if hosts != self.hosts or self.next_attempt_at is None:
            return datetime.min.replace(tzinfo=UTC)
        return min(self.next_attempt_at, self.renewal_info_at or self.next_attempt_at)


@dataclass(frozen=True, slots=True)
class OrderedCertificate:
    """`name`: `applications` for the wildcard of applications, `platform` for the other hosts."""

    name: str
    hosts: tuple[str, ...]
    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.name}.key"

    @property
    def state(self) -> OrderState:
        """The stored one. Raises OSError, ValueError."""
        try:
            return OrderState.parse(self._state_file.read_text())
        except FileNotFoundError:
            return OrderState()

    def store(self, state: OrderState) -> None:
        write_private(self._state_file, state.text().encode())

    @property
    def _state_file(self) -> Path:
        return self.folder / f"{self.name}.json"


def ordered_certificates(home: Path, environment: Mapping[str, str]) -> tuple[OrderedCertificate, ...]:
    """Those that the settings ask for; none without CAPSULE_HTTPS, the hook or the directory. Raises InvalidSetting."""
    if not HTTPS.read(environment) or not environment.get(DNS_HOOK.name):
        return ()
    if not ACME_DIRECTORY.read(environment):
        raise InvalidSetting(f"{DNS_HOOK.name} is set and {ACME_DIRECTORY.name} is not; name the authority that issues certificates")
    hosts = OwnHosts.read(environment)
    wildcard = (f"*.{hosts.application_domain}",) if hosts.application_domain else ()
    groups = (
        ("platform", tuple(sorted(hosts.services)), HTTPS_CERTIFICATE),
        ("applications", wildcard, HTTPS_APPLICATION_CERTIFICATE),
    )
    folder = home / "secrets" / FOLDER
    return tuple(OrderedCertificate(name, names, folder) for name, names, own in groups if names and not environment.get(own.name))
