"""An account."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from cli.render.words import facts, moment


def verified(answer: dict[str, Any]) -> str:
    return f"{escape(answer['email'])} is verified."


def signed_in(email: str, api: str) -> str:
    return f"Signed in as [bold]{escape(email)}[/] at {escape(api)}."


def profile(profile: dict[str, Any], api: str) -> Table:
    address = profile["email"] + ("" if profile["emailVerified"] else " (not verified)")
    return facts(("email", address), ("roles", ", ".join(profile["roles"]) or "–"), ("since", moment(profile["createdAt"])), ("api", api))
