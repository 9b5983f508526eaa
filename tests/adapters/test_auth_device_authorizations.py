"""The contract of `DeviceAuthorizations`, on memory and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.auth.domain.device_authorization import LIFETIME, DeviceAuthorization
from functions.auth.domain.session import Device
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Transient
from tests.adapters.auth_stores import NOW, Stores, stored_session


async def test_an_authorization_is_found_by_both_codes_with_what_is_saved(stores: Stores) -> None:
    session, _ = await stored_session(stores)
    code = OpaqueToken.for_device()
    authorization = DeviceAuthorization.begin(Device("203.0.113.7", "capsule-cli/0.2.0"), code, NOW)
    async with stores.transaction():
        await stores.devices.add(authorization)
        assert await stores.devices.lock_by_device_code(code) == await stores.devices.lock_by_user_code(authorization.user_code) == authorization
        assert await stores.devices.lock_by_device_code(OpaqueToken("other")) is None is await stores.devices.lock_by_user_code("")
    authorization.poll(NOW + timedelta(seconds=1))
    authorization.poll(NOW + timedelta(seconds=2))
    authorization.approve(session, NOW + timedelta(seconds=3))
    assert authorization.poll(NOW + timedelta(seconds=30)) is None
    async with stores.transaction():
        await stores.devices.save(authorization)
        assert await stores.devices.lock_by_device_code(code) == authorization


async def test_a_user_code_is_unique_and_the_transaction_stays_usable(stores: Stores) -> None:
    authorization = DeviceAuthorization.begin(Device("", ""), OpaqueToken.for_device(), NOW)
    other = replace(DeviceAuthorization.begin(Device("", ""), OpaqueToken.for_device(), NOW), user_code=authorization.user_code)
    async with stores.transaction():
        await stores.devices.add(authorization)
        with pytest.raises(Transient):
            await stores.devices.add(other)
        assert await stores.devices.lock_by_user_code(authorization.user_code) == authorization


async def test_expired_authorizations_are_pruned(stores: Stores) -> None:
    old, new = OpaqueToken.for_device(), OpaqueToken.for_device()
    async with stores.transaction():
        await stores.devices.add(DeviceAuthorization.begin(Device("", ""), old, NOW - LIFETIME - timedelta(seconds=1)))
        await stores.devices.add(DeviceAuthorization.begin(Device("", ""), new, NOW))
        assert await stores.devices.prune(NOW) >= 1
        assert await stores.devices.lock_by_device_code(old) is None
        assert await stores.devices.lock_by_device_code(new) is not None
