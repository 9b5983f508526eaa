"""The environment variables that functions of auth read, beside those of every context."""

from functions.auth.domain.email import Email
from functions.auth.domain.rejections import InvalidEmail
from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting
from functions.wire.settings.forms import Form


def _addresses(text: str) -> frozenset[str]:
    words = text.replace(",", " ").split()
    try:
        return frozenset(Email(word).address for word in words)
    except InvalidEmail as error:
        raise ValueError(str(error)) from error


ADMINISTRATORS = Setting(
    "CAPSULE_ADMINISTRATORS",
    Form("e-mail addresses separated by commas or spaces", _addresses),
    "Accounts that become administrators when they verify their address or sign in. Removing an address takes nothing away. On one machine "
    "`./taskw admin ADDRESS` sets it.",
)

SECTIONS = (Section("Accounts", "auth", PLACE, (ADMINISTRATORS,)),)
