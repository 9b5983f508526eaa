"""The generated Python client on a real gateway with auth behind it."""

from uuid import uuid4

import pytest

from cli.api import Api
from cli.api.auth_models import ActiveSessionView, CreatedTeamView, ProfileView, TeamView
from cli.client import Client
from cli.failures import ApiError
from cli.tokens import StaticToken
from tests.gateway.live import PASSWORD, Live, sign_in


def test_reads_changes_lists_and_errors(live: Live) -> None:
    email, token = sign_in(live)
    api = Api(Client(live.url, StaticToken(token)))

    profile = api.auth.profile()
    assert profile["email"] == email and profile.keys() == ProfileView.__annotations__.keys()

    key = str(uuid4())
    created = [api.auth.create_team({"name": "crew"}, idempotency_key=key) for _ in range(2)]
    assert created[0] == created[1] and created[0].keys() == CreatedTeamView.__annotations__.keys()
    assert [team["name"] for team in api.auth.teams()["items"]].count("crew") == 1
    team = api.auth.team(created[0]["id"])
    assert team["role"] == "owner" and team.keys() == TeamView.__annotations__.keys()

    again = Api(Client(live.url)).auth.login({"email": email, "password": PASSWORD})
    assert "accessToken" in again
    sessions = list(api.auth.all_sessions(limit=1))
    assert len(sessions) == 2 and sessions[0].keys() == ActiveSessionView.__annotations__.keys()

    assert api.auth.delete_team(created[0]["id"]) is None
    with pytest.raises(ApiError) as error:
        api.auth.team(created[0]["id"])
    assert (error.value.status, error.value.type) == (404, "team-not-found")
    with pytest.raises(ApiError) as refusal:
        Api(Client(live.url)).auth.profile()
    assert refusal.value.status == 401
    assert api.gateway.readyz()["status"] == "pass"
