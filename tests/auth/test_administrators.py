"""The operator's setting names administrators; a role is granted once, to a verified address."""

import pytest

from events.auth import AdministratorGranted
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    EmailNotVerified,
    WrongCredentials,
)
from functions.auth.domain.user import Role
from tests.auth.world import ADDRESS, World


async def roles(world: World) -> set[Role]:
    user = await world.users.get_by_email(Email(ADDRESS))
    assert user is not None
    return set(user.roles)


async def test_a_named_address_is_an_administrator_when_it_is_verified(world: World) -> None:
    world.administrators.addresses.add(ADDRESS)
    created, token = await world.registered()
    with pytest.raises(EmailNotVerified):
        await world.login()
    assert await roles(world) == {Role.USER} and world.events(AdministratorGranted) == []
    await world.verify(token)
    assert await roles(world) == {Role.USER, Role.ADMIN}
    assert world.events(AdministratorGranted) == [AdministratorGranted(user_id=created.user_id, email=ADDRESS, at=world.clock.now())]


async def test_an_account_that_is_named_later_is_one_at_its_next_login(world: World) -> None:
    await world.verified_user()
    await world.login()
    assert await roles(world) == {Role.USER}
    world.administrators.addresses.add(ADDRESS)
    with pytest.raises(WrongCredentials):
        await world.login(password="wrong")
    assert await roles(world) == {Role.USER}
    await world.login()
    await world.login()
    assert await roles(world) == {Role.USER, Role.ADMIN} and len(world.events(AdministratorGranted)) == 1
