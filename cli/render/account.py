"""Accounts."""

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, time_and_age
from cli.render.tables import Facts


def verified(view: dict[str, Any]) -> Text:
    return Text.assemble("✓ ", (view["email"], "bold"), " is verified.")


def signed_in(email: str, api: str) -> Text:
    return Text.assemble("✓ Signed in as ", (email, "bold"), f" at {api}.")


def profile(view: dict[str, Any], api: str) -> RenderableType:
    address = view["email"] + ("" if view["emailVerified"] else " (not verified)")
    return Facts(("e-mail", address), ("roles", ", ".join(view["roles"]) or NONE), ("since", time_and_age(view["createdAt"])), ("API", api))
