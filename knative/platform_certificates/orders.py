"""Order what is due, and record what came of it."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from filelock import FileLock

from functions.deploy.adapters.acme_directory import AcmeDirectory, TxtChallenges
from functions.deploy.adapters.dns_hook import DnsHook
from functions.deploy.adapters.domain_variables import ACME_CA_BUNDLE, ACME_CONTACT, ACME_DIRECTORY
from functions.deploy.adapters.x509_certificates import X509Certificates, new_key
from functions.deploy.domain.certificate import Certificate, renewal_at, retry_at
from functions.deploy.domain.domain_rejections import InvalidCertificate
from functions.deploy.ports import OrderFailed
from knative.local.files import write_private
from knative.local.ordered_certificates import OrderedCertificate, OrderState
from knative.local.variables import DNS_HOOK
from knative.machine.accounts import Account, own_account
from knative.machine.problems import Problem
from knative.platform_certificates.unprivileged import ProcessFailed, run

log = logging.getLogger(__name__)

ACCOUNT = "capsule-acme"
"""Of the orders and of the hook, when root has started Capsule."""
ACCOUNT_KEY = "account.key"
MAX_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Orders:
    """`environment`: the settings. Blocking; call it in a process without threads."""

    environment: Mapping[str, str]

    def renew(self, certificates: Sequence[OrderedCertificate], *, is_forced: bool = False) -> None:
        """Order what is due; with `is_forced`, all. One process at a time. A failed order is recorded, not raised."""
        for each in certificates:
            each.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(each.folder / "lock", mode=0o600):
                self._renew(each, is_forced=is_forced)

    def _renew(self, ordered: OrderedCertificate, *, is_forced: bool) -> None:
        now, state = datetime.now(UTC), ordered.state
        if not is_forced and ordered.hosts == state.hosts and state.next_attempt_at is not None and now < state.next_attempt_at:
            if state.renewal_info_at is None or now < state.renewal_info_at:
                return
            state = self._follow_renewal_info(ordered, state, now)
            ordered.store(state)
            assert state.next_attempt_at is not None
            if now < state.next_attempt_at:
                return

        failures = state.failures + 1 if ordered.hosts == state.hosts else 1
        retry = min(retry_at(_id_of(ordered), failures, now), now + MAX_PAUSE)
        state = replace(state, hosts=ordered.hosts, attempted_at=now, failures=failures, next_attempt_at=retry)
        ordered.store(state)
        try:
            chain, key = self._order(ordered)
            issued = self._read(ordered, chain, key)
        except OrderFailed as error:
            log.error("no certificate for %s: %s", ", ".join(ordered.hosts), error)
            ordered.store(replace(state, failure=str(error), next_attempt_at=max(retry, error.not_before or retry)))
            return
        write_private(ordered.key, key.encode())  # the ingress keeps the former pair until both belong together
        write_private(ordered.certificate, chain.encode())
        ordered.store(_success(ordered, issued, now))
        log.info("a certificate of %s for %s, until %s", issued.issuer, ", ".join(ordered.hosts), issued.expires_at)

    def _order(self, ordered: OrderedCertificate) -> tuple[str, str]:
        """Raises OrderFailed."""
        program = self._program()
        account_key = _account_key(ordered.folder)

        def order(directory: AcmeDirectory) -> Mapping[str, Any]:
            challenges = TxtChallenges(DnsHook(program), {}, shows_output=True)
            chain, key = directory.order(ordered.hosts, account_key, challenges)
            return {"chain": chain, "key": key}

        answer = self._call(order)
        return answer["chain"], answer["key"]

    def _program(self) -> bytes:
        try:
            return DNS_HOOK.read(self.environment).read_bytes()
        except OSError as error:
            raise OrderFailed(f"The DNS hook cannot be read: {error.filename}: {error.strerror}.") from error

    def _read(self, ordered: OrderedCertificate, chain: str, key: str) -> Certificate:
        try:
            found = [X509Certificates().read(host, chain, key, datetime.now(UTC)) for host in ordered.hosts]
            return found[0]
        except InvalidCertificate as error:
            raise OrderFailed(f"The certificate authority issued what clients would refuse: {error}") from error

    def _follow_renewal_info(self, ordered: OrderedCertificate, state: OrderState, now: datetime) -> OrderState:
        """Renew early when the authority says so: it revokes the certificate, for example (RFC 9773)."""
        chain = ordered.certificate.read_text()

        def ask(directory: AcmeDirectory) -> Mapping[str, Any]:
            suggested_at, ask_at = directory.renewal_info(chain)
            return {"suggestedAt": suggested_at.isoformat() if suggested_at else None, "askAt": ask_at.isoformat()}

        try:
            answer = self._call(ask)
        except OrderFailed as error:
            log.warning("%s", error)
            return replace(state, renewal_info_at=now + timedelta(hours=6))
        next_attempt_at, suggested_at = state.next_attempt_at, answer["suggestedAt"]
        assert next_attempt_at is not None
        if suggested_at is not None:
            next_attempt_at = min(next_attempt_at, datetime.fromisoformat(suggested_at))
        return replace(state, next_attempt_at=next_attempt_at, renewal_info_at=datetime.fromisoformat(answer["askAt"]))

    def _call(self, function: Any) -> dict[str, Any]:
        """Call it with the directory, without privileges. Raises OrderFailed."""
        with _readable_bundle(ACME_CA_BUNDLE.read(self.environment)) as bundle:
            directory = AcmeDirectory(ACME_DIRECTORY.read(self.environment), ACME_CONTACT.read(self.environment), bundle)
            directory.preload()

            def call() -> Mapping[str, Any]:
                try:
                    return dict(function(directory))
                except OrderFailed as error:
                    return {"failure": str(error), "notBefore": error.not_before.isoformat() if error.not_before else None}

            try:
                answer = run(_account(), call)
            except (ProcessFailed, Problem) as error:
                raise OrderFailed(str(error)) from error
        if "failure" in answer:
            raise OrderFailed(answer["failure"], datetime.fromisoformat(answer["notBefore"]) if answer["notBefore"] else None)
        return answer


def _success(ordered: OrderedCertificate, issued: Certificate, now: datetime) -> OrderState:
    return OrderState(
        hosts=ordered.hosts,
        issuer=issued.issuer,
        issued_at=issued.issued_at,
        expires_at=issued.expires_at,
        attempted_at=now,
        next_attempt_at=renewal_at(_id_of(ordered), issued),
        renewal_info_at=now,
    )


def _account() -> Account | None:
    return own_account(ACCOUNT)


def _id_of(ordered: OrderedCertificate) -> UUID:
    """Spreads the renewals of many installations."""
    return uuid5(NAMESPACE_DNS, ordered.hosts[0])


def _account_key(folder: Path) -> str:
    """The key of the account at the directory (RFC 8555 section 7.1.2), made once."""
    path = folder / ACCOUNT_KEY
    if not path.exists():
        write_private(path, new_key().encode())
    return path.read_text()


@contextmanager
def _readable_bundle(path: str) -> Iterator[str]:
    """A copy in memory of the authorities of the directory's server: the account of the order need not read the file."""
    from certifi import where

    descriptor = os.memfd_create("authorities")
    try:
        try:
            os.write(descriptor, Path(path or where()).read_bytes())
        except OSError as error:
            raise OrderFailed(f"{ACME_CA_BUNDLE.name}: {path} cannot be read: {error.strerror}.") from error
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
