"""Contract of what autoscaling did, run in memory and on PostgreSQL."""

from dataclasses import replace

from functions.deploy.domain.process_scaling import ProcessScaling
from tests.adapters.deploy_stores import NOW, Stores, add_application, stores, url

__all__ = ["stores", "url"]


async def test_rows_are_created_locked_changed_and_forgotten(stores: Stores) -> None:
    application, other = await add_application(stores), await add_application(stores)
    scalings = stores.scalings
    async with stores.transaction():
        first = await scalings.lock(application.id, "staging", "worker", 2)
        assert first == ProcessScaling(application.id, "staging", "worker", 2)
        assert await scalings.lock(application.id, "staging", "worker", 7) == first, "it exists"
        changed = replace(first, instances=4, former_instances=2, scaled_at=NOW, observed_at=NOW, metric="queue", value=35.5, target=10)
        await scalings.save(changed)
        assert await scalings.lock(application.id, "staging", "worker", 0) == changed
        beat = await scalings.lock(application.id, "staging", "beat", 1)
        await scalings.lock(application.id, "production", "worker", 1)
        await scalings.lock(other.id, "staging", "worker", 1)
        assert [(each.environment, each.process) for each in await scalings.list_all(application.id)] == [
            ("production", "worker"), ("staging", "beat"), ("staging", "worker"),
        ]  # fmt: skip
        await scalings.forget(application.id, "staging", ["worker", "none"])
        assert beat in await scalings.list_all(application.id) and changed not in await scalings.list_all(application.id)
        await scalings.forget(application.id, "staging")
        assert [each.environment for each in await scalings.list_all(application.id)] == ["production"]
        assert len(await scalings.list_all(other.id)) == 1
