"""Alerts about backups and certificates: one incident from the first failure to the next success, and none about what was deleted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from events.backups import BackupFailed, BackupMissed, BackupVerified
from events.data_services import DataServiceDeleted, DataServiceRestored
from events.domains import DomainCertificateExpiring, DomainCertificateFailed, DomainCertificateIssued, DomainRemoved
from functions.kernel import new_id
from functions.monitor.domain.rules import RuleKind
from tests.monitor.owner import delete_rule, rules_of
from tests.monitor.world import ADA, APP, MINUTE, Monitor

SERVICE, DOMAIN = UUID(int=60), UUID(int=61)


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


def of_service(monitor: Monitor) -> dict[str, Any]:
    return {"service_id": SERVICE, "application_id": APP, "user_id": ADA.user_id, "name": "main", "at": monitor.clock.now()}


async def fail_backup(monitor: Monitor, step: str = "backup") -> None:
    await monitor.publish(BackupFailed(**of_service(monitor), backup_id=new_id(), step=step, reason="no space left"), correlation_id="c1")
    await monitor.advance(monitor.clock.now() + MINUTE)


async def verify_backup(monitor: Monitor) -> None:
    await monitor.publish(BackupVerified(**of_service(monitor), backup_id=new_id(), rows=3))


def of_domain(monitor: Monitor) -> dict[str, Any]:
    names = {"application": "shop", "environment": "staging", "host": "shop.example.com"}
    return {**names, "domain_id": DOMAIN, "application_id": APP, "user_id": ADA.user_id, "at": monitor.clock.now()}


async def fail_certificate(monitor: Monitor, failures: int, *, days: int | None = 20) -> None:
    expires_at = None if days is None else monitor.clock.now() + timedelta(days=days)
    next_attempt_at = monitor.clock.now() + timedelta(hours=1)
    event = DomainCertificateFailed(
        **of_domain(monitor), reason="the directory refuses", failures=failures, next_attempt_at=next_attempt_at, expires_at=expires_at
    )
    await monitor.publish(event, correlation_id="c1")
    await monitor.advance(monitor.clock.now() + MINUTE)


async def test_backups_that_fail_or_do_not_come_are_one_incident_until_one_is_verified(monitor: Monitor) -> None:
    assert RuleKind.BACKUP_FAILED not in {each.kind for each in await rules_of(monitor)}
    await fail_backup(monitor)
    await fail_backup(monitor, "verification")
    missed = BackupMissed(**of_service(monitor), expected_at=monitor.clock.now(), reason="The platform was not running.")
    await monitor.publish(missed, correlation_id="c2")
    (alert,) = monitor.open_alerts()
    assert (alert.kind, alert.state, alert.occurrences, alert.environment) == (RuleKind.BACKUP_FAILED, "firing", 3, "service main")
    assert "has not come: The platform was not running." in alert.summary
    assert monitor.mails() == ["alert.fired: backup-failed"]
    await verify_backup(monitor)
    assert [each.state for each in monitor.open_alerts()] == ["resolved"]


async def test_a_restore_that_fails_is_no_alert(monitor: Monitor) -> None:
    await fail_backup(monitor, "restore")
    assert not monitor.open_alerts()


async def test_a_deleted_rule_stays_deleted(monitor: Monitor) -> None:
    await fail_backup(monitor)
    await delete_rule(monitor, RuleKind.BACKUP_FAILED)
    await verify_backup(monitor)
    await fail_backup(monitor)
    assert [each for each in monitor.open_alerts() if each.state == "firing"] == []


async def test_a_deleted_service_has_no_alert_until_it_is_restored(monitor: Monitor) -> None:
    await fail_backup(monitor)
    await monitor.publish(DataServiceDeleted(**of_service(monitor), kind="postgres", purge_at=monitor.clock.now()))
    assert not monitor.open_alerts()
    await fail_backup(monitor)
    assert not monitor.open_alerts(), "a backup that was in progress at the deletion"
    await monitor.publish(DataServiceRestored(**of_service(monitor)))
    await fail_backup(monitor)
    assert [each.state for each in monitor.open_alerts()] == ["firing"]


async def test_a_certificate_that_is_not_renewed_twice_fires_until_it_is(monitor: Monitor) -> None:
    await fail_certificate(monitor, 5, days=None)
    await fail_certificate(monitor, 1)
    assert not monitor.open_alerts(), "the first one, which its user waits for, and one failure of a renewal"
    await fail_certificate(monitor, 2)
    (alert,) = monitor.open_alerts()
    assert (alert.kind, alert.state, alert.environment) == (RuleKind.CERTIFICATE_FAILED, "firing", "staging")
    assert "shop.example.com ends at" in alert.summary and "(2 attempts): the directory refuses" in alert.summary
    expires_at = monitor.clock.now() + timedelta(days=90)
    await monitor.publish(DomainCertificateIssued(**of_domain(monitor), source="acme", issuer="Test CA", expires_at=expires_at))
    assert [each.state for each in monitor.open_alerts()] == ["resolved"]
    await fail_certificate(monitor, 2)
    await monitor.publish(DomainRemoved(**of_domain(monitor)))
    await fail_certificate(monitor, 3)
    assert not monitor.open_alerts()


async def test_an_uploaded_certificate_that_ends_fires_until_the_next_one(monitor: Monitor) -> None:
    expires_at = monitor.clock.now() + timedelta(days=9)
    await monitor.publish(DomainCertificateExpiring(**of_domain(monitor), issuer="Test CA", expires_at=expires_at), correlation_id="c1")
    (alert,) = monitor.open_alerts()
    assert (alert.kind, alert.state) == (RuleKind.CERTIFICATE_FAILED, "firing") and "upload the next one" in alert.summary
    await monitor.publish(DomainCertificateIssued(**of_domain(monitor), source="own", issuer="Test CA", expires_at=expires_at + timedelta(days=90)))
    assert [each.state for each in monitor.open_alerts()] == ["resolved"]
