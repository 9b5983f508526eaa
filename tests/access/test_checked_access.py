"""A use case that forgets to check access does not type-check, cannot make access itself, and no route reads unchecked."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from functions import deploy
from functions.kernel import ANYONE, Caller, Forbidden, Membership, Model, NotFound, Permission, Permit, Role, TeamAccess, check_team, command
from functions.kernel.declaration_rules import check_access
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry

SNIPPET = """
from uuid import UUID

from functions.billing.ports import Subscribers
from functions.deploy.ports import Applications
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Permit


async def checked(applications: Applications, control: AccessControl, permit: Permit, id: UUID) -> None:
    await applications.get(await control.to_application(permit, id))


async def forgotten(applications: Applications, subscribers: Subscribers, permit: Permit, id: UUID) -> None:
    await applications.get(id)  # FORGOTTEN
    await applications.lock(permit)  # FORGOTTEN
    await subscribers.lock(permit.caller.user_id)  # FORGOTTEN
"""
UNCHECKED = ("get_any", "lock_any")
OF_TEAMS = ("to_team", "to_shared_team", "lock_shared_team", "to_webhook", "to_operation", "readable_teams", "allows")
OF_APPLICATIONS = ("to_application", "to_all_environments", "to_environment", "to_some_environment", "to_service")


def test_a_forgotten_check_does_not_type_check(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "--follow-imports=silent", str(snippet)]
    checked = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    expected = [number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# FORGOTTEN")]
    assert [int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line] == expected, checked.stdout + checked.stderr


def test_access_is_made_by_its_check_only() -> None:
    caller, team = Caller(uuid4()), uuid4()
    permit, member = Permit(caller, Permission.TEAM_READ), Membership(uuid4(), team, caller.user_id, Role.VIEWER)
    assert check_team(permit, member, NotFound()).team_id == team
    with pytest.raises(TypeError, match="by its check only"):
        TeamAccess(caller, Permission.TEAM_OWN, member, object())  # type: ignore[arg-type]
    for other in (None, Membership(uuid4(), team, uuid4(), Role.OWNER)):
        with pytest.raises(NotFound):
            check_team(permit, other, NotFound())
    with pytest.raises(Forbidden, match=r"permission team\.own, which the role viewer does not have"):
        check_team(Permit(caller, Permission.TEAM_OWN), member, NotFound())


def test_no_route_reads_without_a_check() -> None:
    for declaration in Registry.load().declarations:
        if declaration.http is None:
            continue
        calls = {
            node.attr for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(declaration.handler)))) if isinstance(node, ast.Attribute)
        }  # type: ignore[arg-type]
        if declaration.name != "auth.accept_invitation":  # the token of the invitation is its check
            assert calls.isdisjoint(UNCHECKED), declaration.name
        if declaration.permission is not None:
            assert calls & {*OF_TEAMS, *OF_APPLICATIONS}, declaration.name


def test_who_finds_the_environment_later_checks_it() -> None:
    callers = [each for each in (Path(deploy.__file__).parent).glob("*/*.py") if "control.to_some_environment(" in each.read_text()]
    assert len(callers) >= 4
    for each in callers:
        assert "checked.require_in(" in each.read_text(), each


class Ask(Model):
    pass


async def ask(request: Ask) -> None:
    """Ask."""


def test_a_route_without_a_declared_permission_is_refused() -> None:
    for fields in ({}, {"permission": Permission.APP_READ}, {"permission": Permission.APP_READ, "allow": ANYONE}):
        [declaration] = declarations_of(command(http="POST /v1/asks", **fields)(ask))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"declares|Permit"):
            check_access(declaration)
    [declaration] = declarations_of(command(http="POST /v1/asks", allow=ANYONE)(ask))
    check_access(declaration)
