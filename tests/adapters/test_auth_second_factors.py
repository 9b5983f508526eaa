"""The contract of `SecondFactors`, on memory and on PostgreSQL."""

from datetime import timedelta

from functions.auth.domain.second_factor import SecondFactor, hash_recovery_code
from functions.kernel import new_id
from tests.adapters.auth_stores import NOW, Stores, stored_user


async def test_a_second_factor_is_stored_completely_replaced_and_deleted(stores: Stores) -> None:
    factor = SecondFactor((await stored_user(stores)).id, "sealed:k:secret", NOW)
    async with stores.transaction():
        await stores.factors.save(factor)
        assert await stores.factors.get(factor.user_id) == await stores.factors.lock(factor.user_id) == factor
    factor.enabled_at, factor.last_step = NOW + timedelta(minutes=1), 2**40
    factor.recovery_hashes = frozenset(map(hash_recovery_code, ("abcd", "efgh")))
    factor.sealed_secret = "sealed:k:other"
    async with stores.transaction():
        await stores.factors.save(factor)
        assert await stores.factors.lock(factor.user_id) == factor
        for _ in range(2):
            await stores.factors.delete(factor.user_id)
        assert await stores.factors.get(factor.user_id) is None is await stores.factors.lock(new_id())
