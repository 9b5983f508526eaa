"""What monitor holds of a deleted user."""

from events.auth import EmailChanged, UserCreated, UserDeleted
from tests.monitor.world import ADA, APP, BOB, OTHER, Monitor


async def test_address_logs_metrics_and_alerts_are_deleted() -> None:
    monitor = Monitor()
    await monitor.known()
    await monitor.created(OTHER, BOB)
    assert len(await monitor.rules.of([APP, OTHER])) == 6
    await monitor.failed()
    for _ in range(2):
        await monitor.publish(UserDeleted(user_id=ADA.user_id, at=monitor.clock.now()))
    assert await monitor.addresses.of(ADA.user_id) is None
    assert {rule.application_id for rule in await monitor.rules.of([APP, OTHER])} == {OTHER} and not monitor.rules.rules
    known = await monitor.applications.find(APP)
    assert known is not None and (known.name, known.user_id) == ("", ADA.user_id), "usage that is not billed yet needs its owner"

    await monitor.created(APP)  # arrives late
    await monitor.publish(UserCreated(user_id=ADA.user_id, email="ada@example.org", at=monitor.clock.now()))
    monitor.clock.advance(hours=1)
    await monitor.run("monitor.housekeeping")
    assert await monitor.addresses.of(ADA.user_id) is None
    assert {rule.application_id for rule in await monitor.rules.of([APP, OTHER])} == {OTHER}


async def test_a_changed_address_gets_the_alerts() -> None:
    monitor = Monitor()
    await monitor.known()
    monitor.clock.advance(minutes=1)
    await monitor.publish(EmailChanged(user_id=ADA.user_id, former_email="ada@example.org", email="ada@example.com", at=monitor.clock.now()))
    assert await monitor.addresses.of(ADA.user_id) == "ada@example.com"
