"""Accounts."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, time_and_age
from cli.render.tables import Facts


def verified(view: Mapping[str, Any]) -> Text:
    return Text.assemble("✓ ", (view["email"], "bold"), " is verified.")


def signed_in(email: str, api: str) -> Text:
    return Text.assemble("✓ Signed in as ", (email, "bold"), f" at {api}.")


def email_change(view: Mapping[str, Any]) -> Text:
    if not view["unconfirmed"]:
        return Text.assemble("✓ The address of the account is ", (view["email"], "bold"), ". All sessions have ended.")
    missing = " and the ".join(view["unconfirmed"])
    return Text.assemble("Change to ", (view["email"], "bold"), f" waits for the {missing} address until {time_and_age(view['expiresAt'])}.")


def deletion(deletes_at: str) -> Text:
    return Text.assemble("This account will be deleted: ", (time_and_age(deletes_at), "bold"), ".")


def email_delivery(view: Mapping[str, Any]) -> RenderableType:
    if not view["isSuppressed"]:
        return Text.assemble("✓ Capsule sends e-mails to ", (view["email"], "bold"), ".")
    why = "reported as spam" if view["reason"] == "complaint" else f"refused by the mail server: {view['detail']}"
    state = ("state", Text("e-mails do not reach it", "bold red"))
    return Facts(("e-mail", view["email"]), state, ("since", time_and_age(view["suppressedAt"])), ("reason", why))


def profile(view: Mapping[str, Any], api: str) -> RenderableType:
    address = view["email"] + ("" if view["emailVerified"] else " (not verified)")
    name = [("name", view["name"])] if view["name"] else []
    deletion = [("deleted", time_and_age(view["deletesAt"]))] if view["deletesAt"] else []
    roles = ", ".join(view["roles"]) or NONE
    return Facts(*name, ("e-mail", address), *deletion, ("roles", roles), ("since", time_and_age(view["createdAt"])), ("API", api))


def caller(view: Mapping[str, Any], api: str) -> RenderableType:
    """A service account, or the user of an API token that may not read the account."""
    name = [("name", view["name"])] if view["name"] else []
    roles = ", ".join(view["roles"]) or NONE
    scopes = "all" if view["scopes"] is None else ", ".join(view["scopes"])
    return Facts(("kind", view["kind"]), *name, ("id", view["id"]), ("team", view["teamId"]), ("roles", roles), ("scopes", scopes), ("API", api))
