"""The environment variables that functions of auth read, beside those of every context."""

from functions.auth.adapters.identity_providers import OIDC_PROVIDERS
from functions.auth.adapters.oidc_hosts import OIDC_HOSTS
from functions.auth.adapters.passkey_settings import PASSKEY_ORIGINS, PASSKEY_RP_ID
from functions.auth.adapters.ses_topics import SES_TOPICS
from functions.auth.domain.audit import MIN_RETENTION
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    InvalidEmail,
)
from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form


def _addresses(text: str) -> frozenset[str]:
    words = text.replace(",", " ").split()
    try:
        return frozenset(Email(word).address for word in words)
    except InvalidEmail as error:
        raise ValueError(str(error)) from error


def _retention_days(text: str) -> int:
    days = forms.whole_number(0, 36_500).parse(text)
    if 0 < days < MIN_RETENTION.days:
        raise ValueError(f"entries of the last {MIN_RETENTION.days} days are always kept")
    return days


ADMINISTRATORS = Setting(
    "CAPSULE_ADMINISTRATORS",
    Form("e-mail addresses separated by commas or spaces", _addresses),
    "Accounts that become administrators when they verify their address or sign in. Removing an address takes nothing away. On one machine "
    "`./taskw admin ADDRESS` sets it.",
)

SESSION_IDLE_DAYS = Setting(
    "CAPSULE_SESSION_IDLE_DAYS",
    forms.whole_number(1, 3650, "days"),
    "Days without a refresh after which a session expires. Takes effect at the next refresh.",
    default="30",
)
SESSION_MAX_DAYS = Setting(
    "CAPSULE_SESSION_MAX_DAYS",
    forms.whole_number(1, 3650, "days"),
    "Days after the sign-in after which a session expires. Takes effect at the next refresh.",
    default="180",
)
DELETION_GRACE_DAYS = Setting(
    "CAPSULE_DELETION_GRACE_DAYS",
    forms.whole_number(0, 3650, "days"),
    "How long a deleted account can be restored. Takes effect at the next request to delete one.",
    default="14",
)

AUDIT_RETENTION_DAYS = Setting(
    "CAPSULE_AUDIT_RETENTION_DAYS",
    Form("0, or a whole number from 30 to 36500 (days)", _retention_days),
    "How long entries of the audit log are kept; 0: without a limit. Older ones are removed within a day, for good: export them before.",
    default="0",
)

ARGON2_MEMORY_KIB = Setting(
    "CAPSULE_ARGON2_MEMORY_KIB",
    forms.whole_number(19_456, 2_097_152, "KiB"),
    "Memory of a password hash (argon2id). A hash with other parameters is replaced when its user signs in. Each function that hashes "
    "needs this memory for each of its threads.",
    default="19456",
)
ARGON2_TIME_COST = Setting(
    "CAPSULE_ARGON2_TIME_COST", forms.whole_number(2, 32), "Passes of a password hash (argon2id) over its memory.", default="2"
)
ARGON2_PARALLELISM = Setting("CAPSULE_ARGON2_PARALLELISM", forms.whole_number(1, 16), "Lanes of a password hash (argon2id).", default="1")
ARGON2_THREADS = Setting(
    "CAPSULE_ARGON2_THREADS",
    forms.whole_number(1, 64),
    "Password hashes at a time in one process. Further ones wait, so that a flood of sign-ins takes no more of the machine.",
    default="2",
)
ARGON2 = (ARGON2_MEMORY_KIB, ARGON2_TIME_COST, ARGON2_PARALLELISM, ARGON2_THREADS)

SECTIONS = (
    Section(
        "Accounts",
        "auth",
        PLACE,
        (
            *(ADMINISTRATORS, SESSION_IDLE_DAYS, SESSION_MAX_DAYS, DELETION_GRACE_DAYS, AUDIT_RETENTION_DAYS),
            *(OIDC_PROVIDERS, OIDC_HOSTS, PASSKEY_RP_ID, PASSKEY_ORIGINS, SES_TOPICS),
            *ARGON2,
        ),
    ),
)
