"""The ceremonies of WebAuthn with the library `webauthn`. Attestation is not requested: any authenticator may be used."""

import json
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from functions.auth.adapters.passkey_settings import PASSKEY_ORIGINS, PASSKEY_RP_ID
from functions.auth.domain.passkey import CHALLENGE_LIFETIME, Passkey, PasskeyChallenge, RegisteredKey
from functions.auth.domain.user import User
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import DASHBOARD_URL

_log = logging.getLogger("capsule.auth")

RP_NAME = "Capsule"
TIMEOUT_MILLISECONDS = int(CHALLENGE_LIFETIME.total_seconds() * 1000)


class WebAuthnCeremonies:
    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.value(DASHBOARD_URL))
        self._rp_id = settings.value(PASSKEY_RP_ID) or url.hostname or ""
        self._origins = list(settings.value(PASSKEY_ORIGINS)) or [f"{url.scheme}://{url.netloc}"]

    def registration_options(self, user: User, existing: Sequence[Passkey], challenge: PasskeyChallenge) -> dict[str, Any]:
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=RP_NAME,
            user_id=user.id.bytes,
            user_name=user.email,
            user_display_name=user.name or user.email,
            challenge=challenge.challenge,
            timeout=TIMEOUT_MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_descriptors(existing),
        )
        return dict(json.loads(options_to_json(options)))

    def verify_registration(self, response: str, challenge: PasskeyChallenge) -> RegisteredKey | None:
        try:
            verified = verify_registration_response(
                credential=response,
                expected_challenge=challenge.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                require_user_verification=True,
            )
        except Exception as error:  # noqa: BLE001  strangers write the response; the library lets errors of decoders and of recursion escape
            _log_refusal(error)
            return None
        is_synced = verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        return RegisteredKey(verified.credential_id, verified.credential_public_key, verified.sign_count, is_synced)

    def login_options(self, allowed: Sequence[Passkey], challenge: PasskeyChallenge) -> dict[str, Any]:
        verification = UserVerificationRequirement.PREFERRED if allowed else UserVerificationRequirement.REQUIRED
        options = generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge.challenge,
            timeout=TIMEOUT_MILLISECONDS,
            allow_credentials=_descriptors(allowed),
            user_verification=verification,
        )
        return dict(json.loads(options_to_json(options)))

    def read_login(self, response: str) -> tuple[bytes, UUID | None] | None:
        try:
            credential = parse_authentication_credential_json(response)
            handle = credential.response.user_handle
            return bytes(credential.raw_id), UUID(bytes=bytes(handle)) if handle else None
        except Exception as error:  # noqa: BLE001  strangers write the response; the library lets errors of decoders and of recursion escape
            _log_refusal(error)
            return None

    def verify_login(self, response: str, challenge: PasskeyChallenge, passkey: Passkey, *, needs_user_verification: bool) -> int | None:
        try:
            verified = verify_authentication_response(
                credential=response,
                expected_challenge=challenge.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=needs_user_verification,
            )
        except Exception as error:  # noqa: BLE001  strangers write the response; the library lets errors of decoders and of recursion escape
            _log_refusal(error)
            return None
        return verified.new_sign_count


def _log_refusal(error: Exception) -> None:
    _log.info("a response of an authenticator was refused: %s", type(error).__name__)


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each.credential_id) for each in passkeys]
