"""The e-mails of the auth context."""

import json
import shlex
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from functions.auth.adapters.notice_texts import NOTICES
from functions.auth.domain.email_change import EMAIL_CHANGE_LIFETIME
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.invitation import LIFETIME as INVITATION_LIFETIME
from functions.auth.domain.registration import Registration
from functions.auth.domain.tokens import PASSWORD_RESET_LIFETIME, VERIFICATION_LIFETIME, OpaqueToken
from functions.auth.domain.user import UNVERIFIED_LIFETIME
from functions.kernel import Role
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import DASHBOARD_URL, PUBLIC_URL
from functions.runtime.email.message import OutgoingEmail
from functions.runtime.email.transport import EmailTransport
from functions.wire.email_layout import Block, Command, Lines, Link, render

PASSKEY_AND_IDENTITY_COMMANDS = (Command("capsule account passkeys list"), Command("capsule account identities list"))


class EmailMailer:
    def __init__(self, transport: EmailTransport, settings: Settings) -> None:
        self._transport = transport
        self._url = settings.value(PUBLIC_URL).rstrip("/")
        self._dashboard_url = settings.value(DASHBOARD_URL).rstrip("/")

    async def send_verification(self, intent: UUID, to: str, token: OpaqueToken, *, is_requested_again: bool = False) -> None:
        link = f"{self._url}/verify?token={quote(token.text)}"
        hours = round(VERIFICATION_LIFETIME.total_seconds() / 3600)
        body = json.dumps({"token": token.text, "password": "YOUR PASSWORD"})
        blocks: list[Block] = [
            f"Welcome to Capsule. Verify the address {to} and set its password to sign in.",
            Link("Verify this address", link),
            "Or in a terminal:",
            Command(f"capsule verify {shlex.quote(link)}"),
            "Without the CLI:",
            Command(f"curl -X POST {self._url}/v1/users/verify -H 'Content-Type: application/json' -d '{body}'"),
            "The password that you enter with the link is the account's, whoever has registered the address.",
            f"The link works once, for {hours} hours. If you did not register with Capsule, ignore this e-mail: "
            f"nobody can use the account, and it is deleted after {UNVERIFIED_LIFETIME.days} days.",
        ]
        await self._send(intent, to, "Verify your address for Capsule", blocks, is_requested_again=is_requested_again)

    async def send_registration_repeated(self, intent: UUID, to: str) -> None:
        blocks: list[Block] = [
            f"Someone tried to register with Capsule with the address {to}, which already has an account.",
            "If it was you: sign in with your existing password.",
            Command(f"capsule login --email {shlex.quote(to)}"),
            "If it was not you: nothing has changed, and the other person has not learned that you have an account.",
        ]
        await self._send(intent, to, "You already have a Capsule account", blocks)

    async def send_password_reset(self, intent: UUID, to: str, token: OpaqueToken) -> None:
        link = f"{self._url}/reset-password?token={quote(token.text)}"
        minutes = round(PASSWORD_RESET_LIFETIME.total_seconds() / 60)
        body = json.dumps({"token": token.text, "password": "YOUR NEW PASSWORD"})
        blocks: list[Block] = [
            f"Someone requested a new password for the Capsule account of {to}. If it was you, choose one:",
            Link("Choose a new password", link),
            "Or in a terminal:",
            Command(f"capsule password reset {shlex.quote(link)}"),
            "Without the CLI:",
            Command(f"curl -X POST {self._url}/v1/password-resets/complete -H 'Content-Type: application/json' -d '{body}'"),
            f"The link works once, for {minutes} minutes, until you request another one. The new password signs you out everywhere.",
            "If it was not you, ignore this e-mail: nothing has changed.",
        ]
        # After a bounce too: without the link nobody can sign in to lift the suppression.
        await self._send(intent, to, "Reset your Capsule password", blocks, is_requested_again=True)

    async def send_password_changed(self, intent: UUID, to: str, at: datetime, passkeys: int, identities: int) -> None:
        blocks: list[Block] = [
            f"The password of the Capsule account of {to} was changed on {_moment(at)}. Other sessions of the account are signed out.",
        ]
        if passkeys or identities:
            blocks += [
                f"What still signs in without the password: passkeys: {passkeys}, identities at providers: {identities}. Delete what is not yours:",
                *PASSKEY_AND_IDENTITY_COMMANDS,
            ]
        blocks += [
            "If it was you, there is nothing to do. If it was not you, set a new password at once:",
            *self._reset_commands(to),
        ]
        await self._send(intent, to, "Your Capsule password was changed", blocks)

    async def send_notice(self, intent: UUID, to: str, kind: EmailKind, at: datetime, detail: str) -> None:
        subject, text = NOTICES[kind]
        blocks: list[Block] = [text.format(to=to, at=_moment(at))]
        if detail:
            blocks.append(detail)
        blocks += [
            "If it was you, there is nothing to do. If it was not you, set a new password at once, which ends all sessions:",
            *self._reset_commands(to),
            "Then look at what else has changed, and revoke what is not yours:",
            Command("capsule audit list"),
            Command("capsule sessions list"),
            Command("capsule tokens list"),
            *PASSKEY_AND_IDENTITY_COMMANDS,
        ]
        await self._send(intent, to, subject, blocks)

    async def send_email_change(self, intent: UUID, to: str, email: str, token: OpaqueToken) -> None:
        link = f"{self._url}/confirm-email?token={quote(token.text)}"
        body = json.dumps({"token": token.text})
        blocks: list[Block] = [
            f"The user of a Capsule account requested that its e-mail address becomes {email}. If it was you, confirm it:",
            Link("Confirm the new address", link),
            "Or in a terminal:",
            Command(f"capsule email confirm {shlex.quote(link)}"),
            "Without the CLI:",
            Command(f"curl -X POST {self._url}/v1/email-changes/confirm -H 'Content-Type: application/json' -d '{body}'"),
            "The current and the new address get such a link, and the change waits for both. "
            f"The links work for {round(EMAIL_CHANGE_LIFETIME.total_seconds() / 3600)} hours.",
            "If it was not you, do not follow the link: without it nothing changes.",
        ]
        if to != email:
            blocks += ["Somebody may use your account. Set a new password, which ends all sessions and the change:", *self._reset_commands(to)]
        await self._send(intent, to, "Confirm the new e-mail address for Capsule", blocks)

    async def send_address_in_use(self, intent: UUID, to: str) -> None:
        blocks: list[Block] = [
            f"The user of a Capsule account requested that its e-mail address becomes {to}, which has an account of its own.",
            "If it was you: delete one of the accounts, or keep both. If it was not you: nothing has changed, "
            "and the other person has not learned that you have an account.",
        ]
        await self._send(intent, to, "You already have a Capsule account", blocks)

    async def send_email_changed(self, intent: UUID, to: str, email: str, at: datetime) -> None:
        blocks: list[Block] = [
            f"The e-mail address of a Capsule account was changed to {email} on {_moment(at)}, confirmed at both addresses.",
            "All sessions have ended. Sign in with the new address:",
            Command(f"capsule login --email {shlex.quote(email)}"),
        ]
        if to != email:
            blocks.append(f"The address {to} has no account any more.")
        await self._send(intent, to, "Your e-mail address for Capsule was changed", blocks)

    async def send_deletion_requested(self, intent: UUID, to: str, deletes_at: datetime) -> None:
        blocks: list[Block] = [
            f"The Capsule account of {to} will be deleted on {_moment(deletes_at)}, with its applications, their data and their logs. "
            "Nothing can be restored afterwards.",
            "Until then everything keeps running. To keep the account, sign in and restore it:",
            Command(f"capsule login --email {shlex.quote(to)}"),
            Command("capsule account restore"),
            "All sessions have ended. What is owed on that day is on a final invoice. "
            "If you did not request it, set a new password, then restore the account:",
            *self._reset_commands(to),
        ]
        await self._send(intent, to, "Your Capsule account will be deleted", blocks)

    async def send_account_restored(self, intent: UUID, to: str, at: datetime) -> None:
        blocks: list[Block] = [
            f"The Capsule account of {to} was restored on {_moment(at)}. It will not be deleted.",
            "If it was not you, set a new password:",
            *self._reset_commands(to),
        ]
        await self._send(intent, to, "Your Capsule account is restored", blocks)

    async def send_invitation(self, intent: UUID, to: str, team: str, inviter: str, role: Role, token: OpaqueToken) -> None:
        link = f"{self._dashboard_url}/accept-invitation?token={quote(token.text)}"
        body = json.dumps({"token": token.text})
        blocks: list[Block] = [
            f"{inviter} invites you to the team {team} on Capsule, with the role {role}.",
            f"Sign in with the account of {to}, or sign up with this address first.",
            Link("Accept the invitation", link),
            "Or in a terminal:",
            Command(f"capsule login --email {shlex.quote(to)}"),
            Command(f"capsule teams accept {shlex.quote(link)}"),
            "Without the CLI, with an access token of your session:",
            Command(
                f"curl -X POST {self._url}/v1/invitations/acceptance -H 'Authorization: Bearer YOUR TOKEN' "
                f"-H 'Content-Type: application/json' -d '{body}'"
            ),
            f"The invitation works once, for {INVITATION_LIFETIME.days} days, with the account of this address only. "
            "If you do not expect it, ignore this e-mail: without you nothing changes.",
        ]
        await self._send(intent, to, f"Invitation to the team {team} on Capsule", blocks)

    def _reset_commands(self, to: str) -> list[Block]:
        return [
            Link("Request a link", f"{self._url}/reset-password"),
            "Or in a terminal:",
            Command(f"capsule password reset --email {shlex.quote(to)}"),
        ]

    async def send_registration_failed(self, intent: UUID, to: str, registration: Registration) -> None:
        facts = [
            f"User: {registration.email} ({registration.id})",
            f"Failed step: {registration.failed_step} ({registration.reason})",
            f"Detail: {registration.detail or 'none'}",
            f"Last error: {registration.last_error or 'none'}",
            f"Correlation id: {registration.correlation_id}",
        ]
        authorization = '-H "Authorization: Bearer $CAPSULE_TOKEN"'
        blocks: list[Block] = [
            f"The registration of {registration.email} failed at the step {registration.failed_step}.",
            Lines(tuple(facts)),
            "The user can sign in and use the free plan. Remove the cause, then resume the registration:",
            Command(f"curl -X POST {authorization} {self._url}/v1/auth/registrations/{registration.id}/resume"),
            "List all registrations that are not complete:",
            Command(f"curl {authorization} {self._url}/v1/auth/registrations"),
        ]
        await self._send(intent, to, f"Capsule: registration failed at the step {registration.failed_step}", blocks)

    async def _send(self, intent: UUID, to: str, subject: str, blocks: Sequence[Block], *, is_requested_again: bool = False) -> None:
        await self._transport.send(OutgoingEmail(intent, to, subject, *render(blocks), is_requested_again=is_requested_again))


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y at %H:%M} UTC"
