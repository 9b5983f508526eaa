"""A walk of every route as an anonymous caller, another user, an administrator and the owner, with the ids of real objects.

A new route without a rule fails, and so does a route whose objects the walk does not create.
"""

import re
from dataclasses import replace
from uuid import uuid4

from functions.edge.gateway.routing import Route
from functions.kernel import Kind, Scope
from functions.kernel.declaration_rules import check_access
from functions.runtime.config.registry import Registry
from tests.access.inputs import OPERATIONS
from tests.access.rules import BY_ROUTE, RULES, Access
from tests.access.walk import ADMIN, EMAIL, OTHER, ROUTES, is_readable, prepared
from tests.deploy.deploy_capsule import OWNER
from tests.gateway.shop import open_shop

RUNTIME_FUNCTIONS = ("dead_letters", "settle_dead_letters")
"""Their store is the runtime's, which does not exist in memory."""

LAST = (
    "monitor.delete_webhook",
    *("deploy.delete_environment", "deploy.delete_application"),
    *(
        "auth.revoke_service_account_token",
        "auth.delete_service_account",
        "auth.revoke_invitation",
        "auth.leave_team",
        "auth.remove_member",
        "auth.delete_team",
    ),
    *("auth.delete_account", "auth.cancel_email_change", "auth.change_password"),
    *("auth.revoke_token", "auth.revoke_session", "auth.revoke_sessions", "auth.logout"),
)
"""What the owner does last, in this order."""

READABLE_BY_TOKENS = (
    *("auth.me", "auth.profile", "auth.registration", "auth.operation", "auth.operation_events"),
    *("auth.teams", "auth.team", "auth.team_members", "auth.invitations", "auth.permissions", "auth.service_accounts"),
)
"""What an API token reads of its account. Nothing else of auth is open to it: a token cannot change or list what signs the account in."""


OF_ANY_SCOPE = {"auth.me", "auth.permissions"}
"""What tells a caller who it is and what it may do."""

SESSIONS_ONLY = ("auth.mailbox", "auth.mailbox_email", "deploy.protect_environment")
"""What no API token does: e-mails contain links that sign in, and a program must not lift the protection of production."""


def has_store_in_memory(route: Route) -> bool:
    return route.name.partition(".")[2] not in RUNTIME_FUNCTIONS


def of(*classes: Access) -> list[Route]:
    return [route for route in ROUTES if BY_ROUTE[route.name] in classes]


def test_every_route_has_one_rule_and_every_rule_a_route() -> None:
    assert sorted(BY_ROUTE) == sorted(route.name for route in ROUTES)
    assert len(BY_ROUTE) == sum(len(names.split()) for names in RULES.values())
    for route in ROUTES:
        assert (BY_ROUTE[route.name] is Access.ANYONE) == route.declaration.allow.anyone, route.name
        assert (BY_ROUTE[route.name] is Access.ADMIN) == (not route.declaration.allow.admits(OTHER)), route.name
        check_access(route.declaration)
        if BY_ROUTE[route.name] in (Access.TEAM, Access.OBJECT_OR_ADMIN):
            assert route.declaration.permission is not None or route.name in ("monitor.timeline", "auth.operation", "auth.operation_events")


async def test_the_gateway_publishes_nothing_without_a_valid_token() -> None:
    shop = open_shop(registry=Registry.load())
    for route in ROUTES:
        path = re.sub(r"{(\w+)}", lambda match: str(uuid4()), route.path)
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic YTpi"}):
            if BY_ROUTE[route.name] is not Access.ANYONE:
                response = await shop.client.request(route.method, path, headers=headers)
                assert (response.status_code, response.json()["type"]) == (401, "/problems/unauthenticated"), (route.name, headers)
    assert shop.bus.sent == []


async def test_every_route_as_everybody_else_changes_and_reveals_nothing() -> None:
    walk = await prepared()
    before = await walk.owners_view()
    assert {name for name, outcome in before.items() if outcome.status != 200} == set()
    secrets = {str(value).encode() for name, value in walk.ids.items() if name.endswith("Id")} | {EMAIL.encode()}
    unknown = {name: str(uuid4()) if name.endswith("Id") else value for name, value in walk.ids.items()}
    secrets |= {str(walk.team_id).encode(), walk.token.encode()}

    for route in ROUTES:
        access, ids = BY_ROUTE[route.name], set(route.path_names)
        if access is not Access.ANYONE:
            assert (await walk.ask(route, None)).status == 401, route.name
        if access is Access.ADMIN:
            for caller in (OTHER, OWNER):
                assert (await walk.ask(route, caller)).status == 403, route.name
        if access in (Access.OBJECT, Access.OBJECT_OR_ADMIN, Access.TEAM):
            assert ids, f"{route.name} names no object"
            for caller in (OTHER,) if access is Access.OBJECT_OR_ADMIN else (OTHER, ADMIN):
                refused, nothing = (
                    await walk.ask(route, caller),
                    await walk.ask(route, caller, unknown | ({"teamId": str(uuid4())} if access is Access.TEAM else {})),
                )
                assert (refused.status, refused.slug) == (404, nothing.slug), (route.name, caller, refused, nothing)
                required = ids | ({OPERATIONS.get(route.declaration.context, "")} if "operationId" in ids else set())
                known = {str(walk.ids[name]).encode() for name in required if name in walk.ids}
                assert not any(secret in refused.answer for secret in secrets - known), route.name
        if access is Access.OBJECT_OR_ADMIN and is_readable(route):
            assert (await walk.ask(route, ADMIN)).status == 200, route.name
        if access is Access.ACCOUNT and route.name not in LAST:
            outcome = await walk.ask(route, OTHER)
            assert outcome.status not in (401, 403), (route.name, outcome)
            assert not any(secret in outcome.answer for secret in secrets), (route.name, outcome)
        assert walk.dead_letters == []
    after = await walk.owners_view()
    assert {name for name in before if before[name] != after[name]} == set()


async def test_the_owner_and_administrators_are_not_refused() -> None:
    walk = await prepared()
    for route in of(Access.ADMIN):
        if has_store_in_memory(route):
            outcome = await walk.ask(route, ADMIN)
            assert outcome.status not in (401, 403, 404), (route.name, outcome)
    walk = await prepared()  # an administrator has suspended the former owner
    routes = of(Access.ACCOUNT, Access.OBJECT, Access.OBJECT_OR_ADMIN, Access.TEAM)
    order = {"GET": 0, "PUT": 1, "PATCH": 1, "POST": 2, "DELETE": 3}
    for route in sorted(routes, key=lambda route: (LAST.index(route.name) if route.name in LAST else -1, order[route.method])):
        outcome = await walk.ask(route, OWNER)
        assert outcome.status not in (401, 403, 404), (route.name, outcome)


async def test_an_api_token_may_do_what_its_scopes_say_and_no_route_of_the_account() -> None:
    walk = await prepared()
    assert {route.name for route in ROUTES if not route.declaration.needs_scope} == OF_ANY_SCOPE
    for route in ROUTES:
        scope = route.declaration.scope
        if BY_ROUTE[route.name] is Access.ANYONE or not has_store_in_memory(route):
            continue
        owner = ADMIN if BY_ROUTE[route.name] is Access.ADMIN else OWNER
        refused = await walk.ask(route, replace(owner, scopes=frozenset(Scope) - {scope}))
        assert (refused.status, refused.slug) == ((403, "forbidden") if route.declaration.needs_scope else (200, "")), (route.name, refused)
        is_of_account = route.declaration.context == "auth" and owner is OWNER and route.name not in READABLE_BY_TOKENS
        assert (scope is None) == (is_of_account or route.name in SESSIONS_ONLY), route.name
        if scope is not None and route.declaration.kind is Kind.QUERY:
            allowed = await walk.ask(route, replace(owner, scopes=frozenset({scope})))
            assert allowed.status not in (401, 403), (route.name, allowed)
