"""Who did something, as people name them: members by e-mail address, service accounts by name."""

from cli.failures import ApiError
from cli.session import Session


def actor_name(session: Session, team_id: str, actor_id: str) -> str:
    """Return the name of a user or service account of a team. For others, such as former members: the beginning of the id."""
    if actor_id == team_id:
        return "you"
    try:
        members = session.operations.auth.team_members(team_id)["items"]
        accounts = session.operations.auth.service_accounts(team_id)["items"]
    except ApiError:  # a personal team has neither
        return actor_id[:13]
    names = {each["userId"]: each["email"] for each in members} | {each["id"]: f"the service account {each['name']}" for each in accounts}
    return names.get(actor_id, actor_id[:13])
