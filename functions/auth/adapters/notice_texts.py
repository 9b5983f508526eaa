"""What the notices of the auth context say: subject and first sentence of each kind."""

from functions.auth.domain.email_limits import EmailKind

NOTICES = {
    EmailKind.SECOND_FACTOR_ENABLED: (
        "The second factor of your Capsule account is on",
        "The second factor of the Capsule account of {to} was turned on on {at}. Signing in asks for a code from now on.",
    ),
    EmailKind.SECOND_FACTOR_DISABLED: (
        "The second factor of your Capsule account is off",
        "The second factor of the Capsule account of {to} was turned off on {at}. Signing in asks for no code any more.",
    ),
    EmailKind.SECOND_FACTOR_REMOVED: (
        "An administrator has removed your second factor",
        "An administrator has removed the second factor of the Capsule account of {to} on {at}, because it was reported as lost. Passkeys "
        "are deleted too, all sessions have ended, and signing in needs the password, or an identity at a provider, only. Turn a new second "
        "factor on: capsule account 2fa on.",
    ),
    EmailKind.RECOVERY_CODES_REPLACED: (
        "The recovery codes of your Capsule account were replaced",
        "The recovery codes of the Capsule account of {to} were replaced on {at}. Former codes do not work any more.",
    ),
    EmailKind.RECOVERY_CODE_USED: (
        "A recovery code of your Capsule account was used",
        "A recovery code of the Capsule account of {to} was used on {at} in place of a code of the second factor.",
    ),
    EmailKind.API_TOKEN_CREATED: (
        "An API token of your Capsule account was created",
        "An API token of the Capsule account of {to} was created on {at}.",
    ),
    EmailKind.PASSKEY_REGISTERED: (
        "A passkey was added to your Capsule account",
        "A passkey was added to the Capsule account of {to} on {at}. It signs in without the password. A new password does not delete it.",
    ),
    EmailKind.PASSKEY_DELETED: (
        "A passkey of your Capsule account was deleted",
        "A passkey of the Capsule account of {to} was deleted on {at}. It does not sign in any more.",
    ),
    EmailKind.IDENTITY_LINKED: (
        "An identity was linked to your Capsule account",
        "An identity at a provider was linked to the Capsule account of {to} on {at}. It signs in without the password. A new password does not "
        "unlink it.",
    ),
    EmailKind.IDENTITY_UNLINKED: (
        "An identity of your Capsule account was unlinked",
        "An identity at a provider was unlinked from the Capsule account of {to} on {at}. It does not sign in any more.",
    ),
    EmailKind.NEW_DEVICE: (
        "New sign-in to your Capsule account",
        "Somebody signed in to the Capsule account of {to} on {at} with a program and system that were not used before.",
    ),
}
"""By kind: (subject, text). `{to}`: the address. `{at}`: the time."""
