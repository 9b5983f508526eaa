"""A walk of every route with a permission as a member of each role, as a stranger and as an administrator of the platform.

A member with the permission is not refused, one without it gets 403 with a sentence that names permission and role, and for a stranger the
team or its object does not exist. Each request is undone, so that every caller meets the same objects.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from functions.auth import ports as auth
from functions.auth.domain.service_account import ServiceAccount
from functions.kernel import OWN_ACCOUNT, PERMISSIONS, Caller, Grant, Membership, Permission, Role, Scope, new_id
from functions.runtime.config.registry import contexts
from tests.access.rules import BY_ROUTE, Access
from tests.access.walk import ADMIN, OTHER, OWNER, ROUTES, Outcome, Walk, prepared
from tests.capsule.transactions import snapshot

CALLERS = {role: Caller(UUID(int=100 + number)) for number, role in enumerate(Role)}
OF_TEAMS = [route for route in ROUTES if route.declaration.permission is not None]
OF_ENVIRONMENTS = [route for route in OF_TEAMS if route.declaration.permission and route.declaration.permission.is_of_environment]
OF_ALL_TEAMS = ("monitor.alerts",)
"""Lists what the caller may see in all teams."""
OF_ALL_ENVIRONMENTS = (
    *("deploy.change_application", "deploy.configure_application"),
    *("deploy.delete_repository_token", "deploy.rotate_deploy_key", "deploy.set_host_keys", "deploy.set_repository_token"),
)
"""They reach every environment, so the protected ones too."""
REACHES_PRODUCTION = (*OF_ALL_ENVIRONMENTS, "deploy.promote")
"""Their sample requests reach a protected environment, although their paths name none."""
OF_UNUSED_APPLICATIONS = (
    *("deploy.create_deploy_key", "deploy.rename_application"),
    *("deploy.add_external_data_service", "deploy.create_data_service", "deploy.delete_data_service", "deploy.undelete_data_service"),
    *("deploy.create_service_backup", "deploy.delete_service_backup", "deploy.set_backup_policy"),
)
"""They change nothing that serves: a key where none was, the name of what was never deployed, a data service that is bound to nothing."""
FINDS_ENVIRONMENT = (
    *("deploy.create_environment", "deploy.deploy", "deploy.promote"),
    *("deploy.attach_run", "deploy.cancel_deployment", "deploy.cancel_run", "deploy.restore_data_service", "deploy.rotate_data_service"),
    "deploy.scale_data_service",
    "deploy.open_service_tunnel",
    *("deploy.change_schedule", "deploy.delete_schedule", "deploy.run_schedule"),
    *("deploy.change_domain", "deploy.check_domain", "deploy.delete_domain_certificate", "deploy.remove_domain", "deploy.set_domain_certificate"),
    *("deploy.attach_volume", "deploy.create_volume", "deploy.create_volume_snapshot", "deploy.delete_volume", "deploy.delete_volume_snapshot"),
    *("deploy.detach_volume", "deploy.resize_volume", "deploy.restore_volume", "deploy.undelete_volume"),
)
"""The environment is in their body, or in what the path names."""
GRANTED, GRANTED_PRODUCTION = Caller(UUID(int=201)), Caller(UUID(int=202))
"""A viewer with a grant of staging, and a developer with one of production."""
UNKNOWN = ("application-not-found", "team-not-found", "alert-not-found", "operation-not-found", "inspection-not-found", "webhook-not-found")
"""What somebody without access is answered: also where it exists."""


_prepared: list[Walk] = []


@pytest.fixture
async def walk() -> Walk:
    """The owner's objects, in a team with a member of each role. Made once: every request is undone."""
    if not _prepared:
        _prepared.append(await _with_members(await prepared()))
    return _prepared[0]


async def _with_members(walk: Walk) -> Walk:
    memberships = [Membership(new_id(), OWNER.user_id, caller.user_id, role) for role, caller in CALLERS.items()]
    application: UUID = walk.ids["applicationId"]
    for caller, role, environment in ((GRANTED, Role.VIEWER, "staging"), (GRANTED_PRODUCTION, Role.DEVELOPER, "production")):
        memberships.append(Membership(new_id(), OWNER.user_id, caller.user_id, role, (Grant(application, environment),)))
    for context in ("billing", "deploy", "monitor"):
        for membership in memberships:
            await walk.memberships_of(context).save(membership)
    for membership in memberships:
        await walk.port(auth.Teams).add_member(replace(membership, team_id=walk.team_id), walk.clock.now())
    return walk


@asynccontextmanager
async def undone(walk: Walk) -> AsyncIterator[None]:
    restore = snapshot([store for context in contexts() for store in walk.stores(context)])
    published = len(walk.published)
    try:
        yield
    finally:
        restore()
        del walk.published[published:]
        walk.forget_queued()


async def ask(walk: Walk, name: str, caller: Caller, **ids: object) -> Outcome:
    route = next(each for each in ROUTES if each.name == name)
    others = {} if BY_ROUTE[name] is Access.TEAM else {"teamId": OWNER.user_id}
    async with undone(walk):
        return await walk.ask(route, caller, {**walk.ids, **others, **ids})


@pytest.mark.parametrize("role", list(Role))
async def test_a_member_may_do_what_the_role_says(walk: Walk, role: Role) -> None:
    for route in OF_TEAMS:
        permission = route.declaration.permission
        assert permission is not None
        outcome = await ask(walk, route.name, CALLERS[role])
        if role is Role.DEVELOPER and route.name in REACHES_PRODUCTION:
            assert b"production is a protected environment" in outcome.answer, (route.name, outcome)
        elif permission in PERMISSIONS[role]:
            assert outcome.status != 403 or b"Only an owner" in outcome.answer, (route.name, role, outcome)
            assert outcome.slug not in UNKNOWN, (route.name, role, outcome)
        elif route.name not in OF_ALL_TEAMS:
            sentence = f"This needs the permission {permission}, which the role {role} does not have in this team."
            assert (outcome.status, outcome.answer.decode()) == (403, sentence), (route.name, role, outcome)


async def test_for_a_stranger_and_for_an_administrator_of_the_platform_a_team_does_not_exist(walk: Walk) -> None:
    for route in OF_TEAMS:
        for caller in (OTHER, ADMIN):
            outcome = await ask(walk, route.name, caller)
            if caller == ADMIN and BY_ROUTE[route.name] is Access.OBJECT_OR_ADMIN and route.declaration.permission is Permission.ALERTS_WRITE:
                assert (outcome.status, b"alerts.write" in outcome.answer) == (403, True), (route.name, outcome)
            elif caller == ADMIN and BY_ROUTE[route.name] is Access.OBJECT_OR_ADMIN:
                assert outcome.slug not in (*UNKNOWN, "forbidden"), (route.name, outcome)
            elif route.name not in OF_ALL_TEAMS:
                assert (outcome.status, outcome.slug in UNKNOWN) == (404, True), (route.name, caller, outcome)


async def test_a_service_account_does_what_its_role_says_and_nothing_about_an_account(walk: Walk) -> None:
    """Its team: that of the owner's objects, and in auth the owner's shared team."""
    account = ServiceAccount(new_id(), walk.team_id, "robot", Role.DEVELOPER, OWNER.user_id, walk.clock.now())
    await walk.port(auth.ServiceAccounts).add(account)
    for context in ("billing", "deploy", "monitor"):
        await walk.memberships_of(context).save(replace(account.membership, team_id=OWNER.user_id))
    caller = Caller(account.id, frozenset(), scopes=frozenset(Scope), service_team_id=OWNER.user_id)
    for route in (each for each in ROUTES if not each.declaration.allow.anyone):
        declaration, outcome = route.declaration, await ask(walk, route.name, caller)
        if declaration.permission is None:
            is_open = declaration.allow is OWN_ACCOUNT and declaration.allows_service_accounts
            assert (outcome.status != 403) == is_open, (route.name, outcome)
        elif declaration.needs_recent_login:
            assert outcome.status == 403, (route.name, outcome)
        elif declaration.scope is None:
            assert (outcome.status, b"An API token cannot do this" in outcome.answer) == (403, True), (route.name, outcome)
        elif route.name in REACHES_PRODUCTION:
            assert b"production is a protected environment" in outcome.answer, (route.name, outcome)
        elif declaration.permission in PERMISSIONS[Role.DEVELOPER]:
            assert outcome.status != 403 and outcome.slug not in UNKNOWN, (route.name, outcome)
        elif route.name not in OF_ALL_TEAMS:
            assert (outcome.status, b"the role developer does not have" in outcome.answer) == (403, True), (route.name, outcome)


async def test_a_developer_needs_a_grant_for_a_protected_environment(walk: Walk) -> None:
    assert len(OF_ENVIRONMENTS) > 15
    for route in (each for each in OF_ENVIRONMENTS if "environment" in each.declaration.input.model_fields):  # type: ignore[union-attr]
        outcome = await ask(walk, route.name, CALLERS[Role.DEVELOPER], environment="production")
        expected = "is a protected environment" if "environment" in route.path_names else ""
        assert (outcome.status == 403) == bool(expected), (route.name, outcome)
        assert expected in outcome.answer.decode(), (route.name, outcome)
        assert (await ask(walk, route.name, CALLERS[Role.ADMIN], environment="production")).status != 403, route.name


def test_every_permission_of_environments_is_checked_where_the_environment_is_known() -> None:
    found = {route.name for route in OF_ENVIRONMENTS if "environment" not in route.path_names}
    assert found == {*OF_ALL_ENVIRONMENTS, *OF_UNUSED_APPLICATIONS, *FINDS_ENVIRONMENT}


async def test_what_reaches_all_environments_needs_a_grant_of_the_protected_ones(walk: Walk) -> None:
    for name in OF_ALL_ENVIRONMENTS:
        refused = await ask(walk, name, CALLERS[Role.DEVELOPER])
        assert (refused.status, b"production is a protected environment" in refused.answer) == (403, True), (name, refused)
        for caller in (GRANTED_PRODUCTION, CALLERS[Role.ADMIN]):
            allowed = await ask(walk, name, caller)
            assert allowed.status != 403 and allowed.slug not in UNKNOWN, (name, caller, allowed)


async def test_a_grant_of_one_environment_counts_there_only(walk: Walk) -> None:
    for route in OF_ENVIRONMENTS:
        outcome = await ask(walk, route.name, GRANTED)
        if route.name in (*OF_ALL_ENVIRONMENTS, *OF_UNUSED_APPLICATIONS):
            assert (outcome.status, b"the role viewer does not have in this team" in outcome.answer) == (403, True), (route.name, outcome)
        elif "environment" in route.path_names:
            assert outcome.status != 403 and outcome.slug not in UNKNOWN, (route.name, outcome)
            assert (await ask(walk, route.name, GRANTED, environment="production")).status == 403, route.name
    of_staging = ("deploy.attach_run", "deploy.cancel_deployment", "deploy.cancel_run", "deploy.change_schedule", "deploy.run_schedule")
    for name in of_staging:
        outcome = await ask(walk, name, GRANTED)
        assert outcome.status != 403 and outcome.slug not in UNKNOWN, (name, outcome)
    for name in ("deploy.application", "monitor.logs"):
        assert (await ask(walk, name, GRANTED)).status == 200, name
    assert (await ask(walk, "monitor.create_alert_channel", GRANTED)).status == 403
