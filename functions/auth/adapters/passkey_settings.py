"""Where passkeys are valid (WebAuthn Level 3, sections 5.1.2 and 13.4.9)."""

from functions.wire.settings import Setting, forms

PASSKEY_RP_ID = Setting(
    "CAPSULE_PASSKEY_RP_ID",
    forms.matching("a host name as in example.com", r"([a-z0-9-]+(\.[a-z0-9-]+)*)?"),
    "The RP ID of passkeys: the dashboard's host, or a domain above it. Passkeys that were registered under another one no longer work.",
    default_note="the host of `CAPSULE_DASHBOARD_URL`",
)
PASSKEY_ORIGINS = Setting(
    "CAPSULE_PASSKEY_ORIGINS",
    forms.words("origins as in https://dashboard.example.com, separated by commas or spaces"),
    "From which pages passkeys are used.",
    default_note="the origin of `CAPSULE_DASHBOARD_URL`",
)
