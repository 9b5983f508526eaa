"""Teams as people name them: by name, id or the beginning of the id."""

from typing import Annotated

import typer

from cli.api.auth_models import TeamView
from cli.failures import NotFound, UsageError
from cli.help import default
from cli.lookup import is_full_id, match_prefix
from cli.session import Session

Team = Annotated[str | None, typer.Option("--team", metavar="NAME", help=f"Team, by name or id. {default('your personal team')}")]


def find_team(session: Session, text: str) -> TeamView:
    """Return one of the user's teams.

    Raises:
        NotFound: there is none of that name or id.
        UsageError: several teams have the name.
    """
    teams = session.operations.auth.teams()["items"]
    named = [each for each in teams if each["name"] and each["name"].lower() == text.strip().lower()]
    if len(named) > 1:
        raise UsageError(f'You have {len(named)} teams "{text}"', hint="Pass the id: capsule teams list --json")
    if named:
        return named[0]
    team_id = text if is_full_id(text) else match_prefix("team", text, [each["id"] for each in teams])
    found = next((each for each in teams if each["id"] == team_id), None)
    if found is None:
        raise NotFound(f'You have no team "{text}"', hint="capsule teams list")
    return found


def of_team(session: Session, option: str | None) -> dict[str, str]:
    """Return the field that names the team in a request; empty for the personal team."""
    return {} if option is None else {"teamId": find_team(session, option)["id"]}
