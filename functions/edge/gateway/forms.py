"""The pages behind links in e-mails: each shows a form, and posting it calls a command.

Mail scanners open links, so opening one changes nothing: it takes a click. A link brings its token, and a password is entered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.edge.gateway.routing import Route, Table

PASSWORD_FIELD = "password"


@dataclass(frozen=True)
class Form:
    """`path`: where the form is posted. `command`: path of the command that it calls. `page`: template of the page at `path`, if there is one."""

    path: str
    command: str
    result: str
    page: str = ""


FORMS = (
    Form("/verify", "/v1/users/verify", result="verified.html", page="verify.html"),
    Form("/verify/resend", "/v1/users/verification-emails", result="resent.html"),
    Form("/reset-password", "/v1/password-resets/complete", result="password_reset.html", page="reset_password.html"),
    Form("/reset-password/request", "/v1/password-resets", result="reset_requested.html"),
    Form("/confirm-email", "/v1/email-changes/confirm", result="email_confirmed.html", page="confirm_email.html"),
)


@dataclass(frozen=True)
class BoundForm:
    """A form of a gateway whose registry has its command."""

    form: Form
    route: Route

    def fields(self, query: Mapping[str, str]) -> dict[str, str]:
        """The hidden fields: the link's query parameters."""
        return {name: query.get(name, "") for name in sorted(self.route.rest - {PASSWORD_FIELD})}

    @property
    def has_password(self) -> bool:
        return PASSWORD_FIELD in self.route.rest


def bind_forms(table: Table) -> dict[str, BoundForm]:
    """Path that a form is posted to → the form, for those that the table has a command for."""
    routes = ((form, table.find(form.command)[0].get("POST")) for form in FORMS)
    return {form.path: BoundForm(form, route) for form, route in routes if route is not None}
