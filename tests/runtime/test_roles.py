"""Roles, permissions, grants and protected environments."""

from uuid import uuid4

import pytest

from functions.kernel import PERMISSIONS, Forbidden, Grant, Membership, Permission, Role

APP, OTHER = uuid4(), uuid4()


def member(role: Role, *grants: Grant) -> Membership:
    return Membership(uuid4(), uuid4(), uuid4(), role, grants)


def test_every_permission_is_an_owners_and_no_role_exceeds_the_owners() -> None:
    assert PERMISSIONS[Role.OWNER] == frozenset(Permission)
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.DEVELOPER] < PERMISSIONS[Role.ADMIN] < PERMISSIONS[Role.OWNER]
    assert Permission.BILLING_WRITE not in PERMISSIONS[Role.ADMIN]
    assert not any(each.startswith("app.") for each in PERMISSIONS[Role.BILLING])


def test_a_developer_deploys_everywhere_but_to_protected_environments() -> None:
    developer = member(Role.DEVELOPER)
    assert developer.allows_in(Permission.APP_DEPLOY, APP, "staging")
    assert not developer.allows_in(Permission.APP_DEPLOY, APP, "production")
    assert developer.allows_in(Permission.APP_READ, APP, "production")
    granted = member(Role.DEVELOPER, Grant(APP, "production"))
    assert granted.allows_in(Permission.APP_DEPLOY, APP, "production")
    assert not granted.allows_in(Permission.APP_DEPLOY, OTHER, "production")
    assert not member(Role.DEVELOPER, Grant(APP)).allows_in(Permission.APP_DEPLOY, APP, "production")
    for role in (Role.OWNER, Role.ADMIN):
        assert member(role).allows_in(Permission.APP_DEPLOY, APP, "production")


def test_a_grant_adds_what_a_developer_may_do_in_one_application() -> None:
    viewer = member(Role.VIEWER, Grant(APP))
    assert viewer.allows(Permission.APP_DEPLOY, APP)
    assert viewer.allows_in(Permission.APP_DEPLOY, APP, "staging")
    assert not viewer.allows_in(Permission.APP_DEPLOY, APP, "production")
    assert not viewer.allows(Permission.APP_DEPLOY, OTHER)
    assert not viewer.allows(Permission.APP_DELETE, APP)
    assert not viewer.allows(Permission.APP_CREATE, APP)
    only_production = member(Role.BILLING, Grant(APP, "production"))
    assert only_production.allows_in(Permission.APP_RUN, APP, "production")
    assert not only_production.allows_in(Permission.APP_RUN, APP, "staging")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_grant_of_one_environment_changes_nothing_of_the_application(environment: str) -> None:
    granted = member(Role.BILLING, Grant(APP, environment))
    for permission in PERMISSIONS[Role.DEVELOPER] - PERMISSIONS[Role.VIEWER]:
        assert not granted.allows(permission, APP), permission
        assert granted.allows_somewhere(permission, APP) == permission.is_of_environment, permission
        assert not granted.allows_somewhere(permission, OTHER), permission
        if permission.is_of_environment:
            granted.require_in(permission, APP, environment)
            with pytest.raises(Forbidden, match="in the environment review"):
                granted.require_in(permission, APP, "review")
    assert granted.allows(Permission.APP_READ, APP) and granted.allows(Permission.LOGS_READ, APP)
    assert not granted.allows(Permission.APP_READ, OTHER)
    with pytest.raises(Forbidden, match="in this team"):
        member(Role.VIEWER).require_in(Permission.APP_RUN, APP, "production")
