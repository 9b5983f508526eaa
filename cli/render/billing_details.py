"""Name, address and VAT number on invoices."""

from collections.abc import Mapping
from typing import Any

from cli.render.formats import NONE
from cli.render.tables import Facts, Prose


def billing_details(view: Mapping[str, Any] | None, email: str) -> Facts | Prose:
    if view is None:
        return Prose(f"None: invoices name {email} only. Set them: capsule billing-details --name NAME --address LINE --country CODE")
    address = ", ".join(view["address"])
    return Facts(("name", view["name"]), ("address", address), ("country", view["country"]), ("VAT number", view["vatId"] or NONE), ("e-mail", email))
