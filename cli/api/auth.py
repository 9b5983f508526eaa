# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Operations of auth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

from cli.api.auth_models import AcceptInvitation, AccountDeletionAccepted, AccountExport, AccountOperationView, ActiveSessionPage, ActiveSessionView, ApiTokenPage, AuditChainView, AuditEntryPage, AuditEntryView, AuthorizationRequestView, AuthorizationResponseAccepted, BeginIdentityLink, BeginPasskeyLogin, BeginProviderLogin, CallerView, ChangeMemberRoleBody, ChangePassword, ConfirmEmailChange, ConfirmIdentity, ConfirmedIdentityView, CreateServiceAccountBody, CreateServiceAccountTokenBody, CreateTeam, CreateToken, CreatedServiceAccountTokenView, CreatedServiceAccountView, CreatedTeamView, CreatedTokenView, DecideDeviceAuthorization, DeleteAccount, DeviceAuthorizationView, EmailChangeAccepted, EmailChangeView, EmailDeliveryView, EmailSuppressionPage, EmailSuppressionView, EnableSecondFactor, FindDeviceAuthorization, FinishIdentityLink, FinishProviderLogin, IdentityPage, IdentityProviderMetadataView, IdentityProviderPage, IdentityView, InvitationAccepted, InvitationPage, InviteMemberBody, KeySetView, Login, LoginSecondFactor, LoginWithPasskey, MailboxEmailDetailView, MailboxEmailPage, MembershipView, PasskeyLoginView, PasskeyPage, PasskeyRegistrationView, PasskeyView, PasswordResetAccepted, PasswordResetView, ProfileView, ReceiveAuthorizationResponse, RecoveryCodesView, RedeemDeviceCode, Refresh, Register, RegisterPasskey, RegistrationAccepted, RegistrationPage, RegistrationResumeAccepted, RegistrationView, RenamePasskeyBody, RequestEmailChange, RequestPasswordReset, RequestingDeviceView, ResendVerification, ResetPassword, RevokedSessionsView, SecondFactorSecretView, SecondFactorView, ServiceAccountPage, ServiceAccountView, SessionView, SetMemberGrantsBody, Stage, SuspendUserBody, TeamMemberPage, TeamPage, TeamPermissionsPage, TeamView, TransferTeamBody, UpdateProfile, UpdateServiceAccountBody, UpdateTeamBody, UserDetailView, UserPage, UserView, VerificationEmailAccepted, VerifiedEmailView, VerifyEmail
from cli.api.shared_models import DeadLettersView, SettleDeadLetters, SettledDeadLettersView
from cli.api.transport import Operations, segment


class Auth(Operations):
    def jwks(self) -> KeySetView:
        """Get the public keys that verify access tokens (RFC 7517)."""
        return cast(KeySetView, self._call("GET", "/.well-known/jwks.json"))

    def email_suppressions(
        self,
        *,
        search: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> EmailSuppressionPage:
        """List addresses that get no e-mails."""
        return cast(EmailSuppressionPage, self._call("GET", "/v1/admin/email-suppressions", query={"search": search, "cursor": cursor, "limit": limit}))

    def all_email_suppressions(
        self,
        *,
        search: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[EmailSuppressionView]:
        """List addresses that get no e-mails: the items of all pages."""
        return cast(Iterator[EmailSuppressionView], self._items("/v1/admin/email-suppressions", {"search": search, "cursor": cursor, "limit": limit}))

    def lift_suppression(self, address: str, *, idempotency_key: str | None = None) -> None:
        """Send e-mails to an address again."""
        self._call("DELETE", f"/v1/admin/email-suppressions/{segment(address)}", idempotency_key=idempotency_key)

    def users(
        self,
        *,
        search: str | None = None,
        suspended: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> UserPage:
        """List and search users, newest first."""
        return cast(UserPage, self._call("GET", "/v1/admin/users", query={"search": search, "suspended": suspended, "cursor": cursor, "limit": limit}))

    def all_users(
        self,
        *,
        search: str | None = None,
        suspended: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[UserView]:
        """List and search users, newest first: the items of all pages."""
        return cast(Iterator[UserView], self._items("/v1/admin/users", {"search": search, "suspended": suspended, "cursor": cursor, "limit": limit}))

    def user(self, user_id: str) -> UserDetailView:
        """Show a user to administrators."""
        return cast(UserDetailView, self._call("GET", f"/v1/admin/users/{segment(user_id)}"))

    def unlock_user(self, user_id: str, *, idempotency_key: str | None = None) -> None:
        """End the lock of an account after failed sign-ins."""
        self._call("DELETE", f"/v1/admin/users/{segment(user_id)}/lock", idempotency_key=idempotency_key)

    def remove_second_factor(self, user_id: str, *, idempotency_key: str | None = None) -> None:
        """Remove the lost second factor of a user."""
        self._call("DELETE", f"/v1/admin/users/{segment(user_id)}/second-factor", idempotency_key=idempotency_key)

    def suspend_user(self, user_id: str, body: SuspendUserBody, *, idempotency_key: str | None = None) -> UserView:
        """Suspend an account."""
        return cast(UserView, self._call("POST", f"/v1/admin/users/{segment(user_id)}/suspension", body=body, idempotency_key=idempotency_key))

    def unsuspend_user(self, user_id: str, *, idempotency_key: str | None = None) -> UserView:
        """End the suspension of an account."""
        return cast(UserView, self._call("DELETE", f"/v1/admin/users/{segment(user_id)}/suspension", idempotency_key=idempotency_key))

    def audit(
        self,
        *,
        cursor: int | None = None,
        limit: int | None = None,
        user_id: str | None = None,
        action: str | None = None,
        target: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> AuditEntryPage:
        """List the audit log, the last entry first."""
        return cast(AuditEntryPage, self._call("GET", "/v1/audit", query={"cursor": cursor, "limit": limit, "userId": user_id, "action": action, "target": target, "since": since, "until": until}))

    def all_audit(
        self,
        *,
        cursor: int | None = None,
        limit: int | None = None,
        user_id: str | None = None,
        action: str | None = None,
        target: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[AuditEntryView]:
        """List the audit log, the last entry first: the items of all pages."""
        return cast(Iterator[AuditEntryView], self._items("/v1/audit", {"cursor": cursor, "limit": limit, "userId": user_id, "action": action, "target": target, "since": since, "until": until}))

    def audit_chain(self, *, after: int | None = None, limit: int | None = None) -> AuditChainView:
        """Export the audit log as a chain that others can verify."""
        return cast(AuditChainView, self._call("GET", "/v1/audit/chain", query={"after": after, "limit": limit}))

    def registrations(
        self,
        *,
        status: Stage | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> RegistrationPage:
        """List registrations that are not complete, newest first."""
        return cast(RegistrationPage, self._call("GET", "/v1/auth/registrations", query={"status": status, "cursor": cursor, "limit": limit}))

    def all_registrations(
        self,
        *,
        status: Stage | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[RegistrationView]:
        """List registrations that are not complete, newest first: the items of all pages."""
        return cast(Iterator[RegistrationView], self._items("/v1/auth/registrations", {"status": status, "cursor": cursor, "limit": limit}))

    def resume_registration(self, user_id: str, *, idempotency_key: str | None = None) -> RegistrationResumeAccepted:
        """Resume a registration at its pending or failed step."""
        return cast(RegistrationResumeAccepted, self._call("POST", f"/v1/auth/registrations/{segment(user_id)}/resume", idempotency_key=idempotency_key))

    def begin_device_authorization(self, *, idempotency_key: str | None = None) -> DeviceAuthorizationView:
        """Begin to sign in a device that has no browser."""
        return cast(DeviceAuthorizationView, self._call("POST", "/v1/device-authorizations", idempotency_key=idempotency_key))

    def decide_device_authorization(
        self,
        body: DecideDeviceAuthorization,
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Confirm or deny the sign-in of a device."""
        self._call("POST", "/v1/device-authorizations/decision", body=body, idempotency_key=idempotency_key)

    def find_device_authorization(
        self,
        body: FindDeviceAuthorization,
        *,
        idempotency_key: str | None = None,
    ) -> RequestingDeviceView:
        """Show which device asks to sign in with a code."""
        return cast(RequestingDeviceView, self._call("POST", "/v1/device-authorizations/lookup", body=body, idempotency_key=idempotency_key))

    def redeem_device_code(self, body: RedeemDeviceCode, *, idempotency_key: str | None = None) -> SessionView:
        """Sign in a device after its user has confirmed the code."""
        return cast(SessionView, self._call("POST", "/v1/device-authorizations/token", body=body, idempotency_key=idempotency_key))

    def confirm_email_change(self, body: ConfirmEmailChange, *, idempotency_key: str | None = None) -> EmailChangeView:
        """Confirm the change of an e-mail address."""
        return cast(EmailChangeView, self._call("POST", "/v1/email-changes/confirm", body=body, idempotency_key=idempotency_key))

    def identity_providers(self) -> IdentityProviderPage:
        """List the providers with which people can sign in here."""
        return cast(IdentityProviderPage, self._call("GET", "/v1/identity-providers"))

    def identity_provider(self, provider: str) -> IdentityProviderMetadataView:
        """Get the address at which a provider signs people in."""
        return cast(IdentityProviderMetadataView, self._call("GET", f"/v1/identity-providers/{segment(provider)}"))

    def accept_invitation(self, body: AcceptInvitation, *, idempotency_key: str | None = None) -> TeamView:
        """Confirm an invitation to a team and become its member."""
        return cast(TeamView, self._call("POST", "/v1/invitations/acceptance", body=body, idempotency_key=idempotency_key))

    def me(self) -> CallerView:
        """Show the caller: a user or a service account, with scopes."""
        return cast(CallerView, self._call("GET", "/v1/me"))

    def permissions(self) -> TeamPermissionsPage:
        """List what you may do in each of your teams."""
        return cast(TeamPermissionsPage, self._call("GET", "/v1/me/permissions"))

    def dead_letters(
        self,
        *,
        id: str | None = None,
        function: str | None = None,
        error: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> DeadLettersView:
        """List dead letters by cause and one by one."""
        return cast(DeadLettersView, self._call("GET", "/v1/operations/auth/dead-letters", query={"id": id, "function": function, "error": error, "state": state, "limit": limit}))

    def settle_dead_letters(
        self,
        body: SettleDeadLetters,
        *,
        idempotency_key: str | None = None,
    ) -> SettledDeadLettersView:
        """Replay or discard dead letters."""
        return cast(SettledDeadLettersView, self._call("POST", "/v1/operations/auth/dead-letters", body=body, idempotency_key=idempotency_key))

    def operation(self, operation_id: str) -> AccountOperationView:
        """Show an operation of your account: what a command started."""
        return cast(AccountOperationView, self._call("GET", f"/v1/operations/auth/{segment(operation_id)}"))

    def mailbox(self, *, limit: int | None = None) -> MailboxEmailPage:
        """List the e-mails that this machine keeps in files."""
        return cast(MailboxEmailPage, self._call("GET", "/v1/operations/mailbox", query={"limit": limit}))

    def mailbox_email(self, email_id: str) -> MailboxEmailDetailView:
        """Show an e-mail that this machine keeps in files."""
        return cast(MailboxEmailDetailView, self._call("GET", f"/v1/operations/mailbox/{segment(email_id)}"))

    def begin_passkey_login(
        self,
        body: BeginPasskeyLogin | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> PasskeyLoginView:
        """Begin to sign in with a passkey."""
        return cast(PasskeyLoginView, self._call("POST", "/v1/passkey-logins", body=body or {}, idempotency_key=idempotency_key))

    def login_with_passkey(self, body: LoginWithPasskey, *, idempotency_key: str | None = None) -> SessionView:
        """Sign in with a passkey."""
        return cast(SessionView, self._call("POST", "/v1/passkey-logins/session", body=body, idempotency_key=idempotency_key))

    def request_password_reset(
        self,
        body: RequestPasswordReset,
        *,
        idempotency_key: str | None = None,
    ) -> PasswordResetAccepted:
        """Request an e-mail with a link to reset a password."""
        return cast(PasswordResetAccepted, self._call("POST", "/v1/password-resets", body=body, idempotency_key=idempotency_key))

    def reset_password(self, body: ResetPassword, *, idempotency_key: str | None = None) -> PasswordResetView:
        """Set a new password with the link of an e-mail."""
        return cast(PasswordResetView, self._call("POST", "/v1/password-resets/complete", body=body, idempotency_key=idempotency_key))

    def begin_provider_login(
        self,
        body: BeginProviderLogin,
        *,
        idempotency_key: str | None = None,
    ) -> AuthorizationRequestView:
        """Begin to sign in with a provider."""
        return cast(AuthorizationRequestView, self._call("POST", "/v1/provider-logins", body=body, idempotency_key=idempotency_key))

    def receive_authorization_response(
        self,
        body: ReceiveAuthorizationResponse,
        *,
        idempotency_key: str | None = None,
    ) -> AuthorizationResponseAccepted:
        """Take the response of a provider to a sign-in."""
        return cast(AuthorizationResponseAccepted, self._call("POST", "/v1/provider-logins/response", body=body, idempotency_key=idempotency_key))

    def finish_provider_login(self, body: FinishProviderLogin, *, idempotency_key: str | None = None) -> SessionView:
        """Sign in with the identity that a provider confirmed."""
        return cast(SessionView, self._call("POST", "/v1/provider-logins/session", body=body, idempotency_key=idempotency_key))

    def sessions(self, *, cursor: str | None = None, limit: int | None = None) -> ActiveSessionPage:
        """List your sessions, the last one that started first."""
        return cast(ActiveSessionPage, self._call("GET", "/v1/sessions", query={"cursor": cursor, "limit": limit}))

    def all_sessions(self, *, cursor: str | None = None, limit: int | None = None) -> Iterator[ActiveSessionView]:
        """List your sessions, the last one that started first: the items of all pages."""
        return cast(Iterator[ActiveSessionView], self._items("/v1/sessions", {"cursor": cursor, "limit": limit}))

    def login(self, body: Login, *, idempotency_key: str | None = None) -> SessionView:
        """Sign in with e-mail address and password."""
        return cast(SessionView, self._call("POST", "/v1/sessions", body=body, idempotency_key=idempotency_key))

    def revoke_sessions(
        self,
        *,
        except_: Literal['current'] | None = None,
        idempotency_key: str | None = None,
    ) -> RevokedSessionsView:
        """Revoke all your sessions, or all except the current one."""
        return cast(RevokedSessionsView, self._call("DELETE", "/v1/sessions", query={"except": except_}, idempotency_key=idempotency_key))

    def logout(self, *, idempotency_key: str | None = None) -> None:
        """Sign out and end the current session. Idempotent."""
        self._call("DELETE", "/v1/sessions/current", idempotency_key=idempotency_key)

    def confirm_identity(
        self,
        body: ConfirmIdentity | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ConfirmedIdentityView:
        """Confirm your identity before a sensitive action."""
        return cast(ConfirmedIdentityView, self._call("POST", "/v1/sessions/current/confirmation", body=body or {}, idempotency_key=idempotency_key))

    def refresh(self, body: Refresh, *, idempotency_key: str | None = None) -> SessionView:
        """Exchange a refresh token for new tokens."""
        return cast(SessionView, self._call("POST", "/v1/sessions/refresh", body=body, idempotency_key=idempotency_key))

    def login_second_factor(self, body: LoginSecondFactor, *, idempotency_key: str | None = None) -> SessionView:
        """Sign in with a code: the second step of a sign-in."""
        return cast(SessionView, self._call("POST", "/v1/sessions/second-factor", body=body, idempotency_key=idempotency_key))

    def revoke_session(self, session_id: str, *, idempotency_key: str | None = None) -> None:
        """Revoke one of your sessions."""
        self._call("DELETE", f"/v1/sessions/{segment(session_id)}", idempotency_key=idempotency_key)

    def teams(self) -> TeamPage:
        """List your teams: the personal one first."""
        return cast(TeamPage, self._call("GET", "/v1/teams"))

    def create_team(self, body: CreateTeam, *, idempotency_key: str | None = None) -> CreatedTeamView:
        """Create a team."""
        return cast(CreatedTeamView, self._call("POST", "/v1/teams", body=body, idempotency_key=idempotency_key))

    def team(self, team_id: str) -> TeamView:
        """Show a team and your role in it."""
        return cast(TeamView, self._call("GET", f"/v1/teams/{segment(team_id)}"))

    def update_team(self, team_id: str, body: UpdateTeamBody, *, idempotency_key: str | None = None) -> TeamView:
        """Rename a team."""
        return cast(TeamView, self._call("PATCH", f"/v1/teams/{segment(team_id)}", body=body, idempotency_key=idempotency_key))

    def delete_team(self, team_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete a team that has no applications."""
        self._call("DELETE", f"/v1/teams/{segment(team_id)}", idempotency_key=idempotency_key)

    def invitations(self, team_id: str) -> InvitationPage:
        """List the open invitations to a team, newest first."""
        return cast(InvitationPage, self._call("GET", f"/v1/teams/{segment(team_id)}/invitations"))

    def invite_member(
        self,
        team_id: str,
        body: InviteMemberBody,
        *,
        idempotency_key: str | None = None,
    ) -> InvitationAccepted:
        """Send an invitation to a team by e-mail."""
        return cast(InvitationAccepted, self._call("POST", f"/v1/teams/{segment(team_id)}/invitations", body=body, idempotency_key=idempotency_key))

    def revoke_invitation(self, team_id: str, invitation_id: str, *, idempotency_key: str | None = None) -> None:
        """Revoke an open invitation to a team."""
        self._call("DELETE", f"/v1/teams/{segment(team_id)}/invitations/{segment(invitation_id)}", idempotency_key=idempotency_key)

    def team_members(self, team_id: str) -> TeamMemberPage:
        """List the members of a team with their roles and grants."""
        return cast(TeamMemberPage, self._call("GET", f"/v1/teams/{segment(team_id)}/members"))

    def change_member_role(
        self,
        team_id: str,
        user_id: str,
        body: ChangeMemberRoleBody,
        *,
        idempotency_key: str | None = None,
    ) -> MembershipView:
        """Change the role of a member."""
        return cast(MembershipView, self._call("PATCH", f"/v1/teams/{segment(team_id)}/members/{segment(user_id)}", body=body, idempotency_key=idempotency_key))

    def remove_member(self, team_id: str, user_id: str, *, idempotency_key: str | None = None) -> None:
        """Revoke the membership of a user in a team."""
        self._call("DELETE", f"/v1/teams/{segment(team_id)}/members/{segment(user_id)}", idempotency_key=idempotency_key)

    def set_member_grants(
        self,
        team_id: str,
        user_id: str,
        body: SetMemberGrantsBody,
        *,
        idempotency_key: str | None = None,
    ) -> MembershipView:
        """Set what a member may do beyond the role."""
        return cast(MembershipView, self._call("PUT", f"/v1/teams/{segment(team_id)}/members/{segment(user_id)}/grants", body=body, idempotency_key=idempotency_key))

    def leave_team(self, team_id: str, *, idempotency_key: str | None = None) -> None:
        """End your own membership in a team."""
        self._call("DELETE", f"/v1/teams/{segment(team_id)}/membership", idempotency_key=idempotency_key)

    def service_accounts(self, team_id: str) -> ServiceAccountPage:
        """List the service accounts of a team with their roles."""
        return cast(ServiceAccountPage, self._call("GET", f"/v1/teams/{segment(team_id)}/service-accounts"))

    def create_service_account(
        self,
        team_id: str,
        body: CreateServiceAccountBody,
        *,
        idempotency_key: str | None = None,
    ) -> CreatedServiceAccountView:
        """Create a service account in a team."""
        return cast(CreatedServiceAccountView, self._call("POST", f"/v1/teams/{segment(team_id)}/service-accounts", body=body, idempotency_key=idempotency_key))

    def update_service_account(
        self,
        team_id: str,
        service_account_id: str,
        body: UpdateServiceAccountBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ServiceAccountView:
        """Change a service account: role, grants, disabled."""
        return cast(ServiceAccountView, self._call("PATCH", f"/v1/teams/{segment(team_id)}/service-accounts/{segment(service_account_id)}", body=body or {}, idempotency_key=idempotency_key))

    def delete_service_account(
        self,
        team_id: str,
        service_account_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Delete a service account."""
        self._call("DELETE", f"/v1/teams/{segment(team_id)}/service-accounts/{segment(service_account_id)}", idempotency_key=idempotency_key)

    def service_account_tokens(self, team_id: str, service_account_id: str) -> ApiTokenPage:
        """List the API tokens of a service account, newest first."""
        return cast(ApiTokenPage, self._call("GET", f"/v1/teams/{segment(team_id)}/service-accounts/{segment(service_account_id)}/tokens"))

    def create_service_account_token(
        self,
        team_id: str,
        service_account_id: str,
        body: CreateServiceAccountTokenBody,
        *,
        idempotency_key: str | None = None,
    ) -> CreatedServiceAccountTokenView:
        """Create an API token of a service account."""
        return cast(CreatedServiceAccountTokenView, self._call("POST", f"/v1/teams/{segment(team_id)}/service-accounts/{segment(service_account_id)}/tokens", body=body, idempotency_key=idempotency_key))

    def revoke_service_account_token(
        self,
        team_id: str,
        service_account_id: str,
        token_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Revoke an API token of a service account."""
        self._call("DELETE", f"/v1/teams/{segment(team_id)}/service-accounts/{segment(service_account_id)}/tokens/{segment(token_id)}", idempotency_key=idempotency_key)

    def transfer_team(self, team_id: str, body: TransferTeamBody, *, idempotency_key: str | None = None) -> TeamView:
        """Transfer the ownership of a team to another member."""
        return cast(TeamView, self._call("POST", f"/v1/teams/{segment(team_id)}/transfer", body=body, idempotency_key=idempotency_key))

    def tokens(self) -> ApiTokenPage:
        """List your API tokens, newest first."""
        return cast(ApiTokenPage, self._call("GET", "/v1/tokens"))

    def create_token(self, body: CreateToken, *, idempotency_key: str | None = None) -> CreatedTokenView:
        """Create an API token for a program."""
        return cast(CreatedTokenView, self._call("POST", "/v1/tokens", body=body, idempotency_key=idempotency_key))

    def revoke_token(self, token_id: str, *, idempotency_key: str | None = None) -> None:
        """Revoke one of your API tokens."""
        self._call("DELETE", f"/v1/tokens/{segment(token_id)}", idempotency_key=idempotency_key)

    def register(self, body: Register, *, idempotency_key: str | None = None) -> RegistrationAccepted:
        """Register a new user."""
        return cast(RegistrationAccepted, self._call("POST", "/v1/users", body=body, idempotency_key=idempotency_key))

    def profile(self) -> ProfileView:
        """Show your account."""
        return cast(ProfileView, self._call("GET", "/v1/users/me"))

    def update_profile(self, body: UpdateProfile, *, idempotency_key: str | None = None) -> ProfileView:
        """Change the name of your account."""
        return cast(ProfileView, self._call("PATCH", "/v1/users/me", body=body, idempotency_key=idempotency_key))

    def delete_account(self, body: DeleteAccount, *, idempotency_key: str | None = None) -> AccountDeletionAccepted:
        """Delete your account after a grace period."""
        return cast(AccountDeletionAccepted, self._call("POST", "/v1/users/me/deletion", body=body, idempotency_key=idempotency_key))

    def restore_account(self, *, idempotency_key: str | None = None) -> None:
        """Keep your account that was to be deleted. Idempotent."""
        self._call("DELETE", "/v1/users/me/deletion", idempotency_key=idempotency_key)

    def email_change(self) -> EmailChangeView:
        """Show the pending change of your e-mail address."""
        return cast(EmailChangeView, self._call("GET", "/v1/users/me/email-change"))

    def request_email_change(
        self,
        body: RequestEmailChange,
        *,
        idempotency_key: str | None = None,
    ) -> EmailChangeAccepted:
        """Request another e-mail address for your account."""
        return cast(EmailChangeAccepted, self._call("PUT", "/v1/users/me/email-change", body=body, idempotency_key=idempotency_key))

    def cancel_email_change(self, *, idempotency_key: str | None = None) -> None:
        """Cancel the pending change of your e-mail address."""
        self._call("DELETE", "/v1/users/me/email-change", idempotency_key=idempotency_key)

    def email_delivery(self) -> EmailDeliveryView:
        """Show whether e-mails reach the address of your account."""
        return cast(EmailDeliveryView, self._call("GET", "/v1/users/me/email-delivery"))

    def lift_own_suppression(self, *, idempotency_key: str | None = None) -> EmailDeliveryView:
        """Send e-mails to your address again."""
        return cast(EmailDeliveryView, self._call("DELETE", "/v1/users/me/email-suppression", idempotency_key=idempotency_key))

    def export(self) -> AccountExport:
        """Export the data of your account."""
        return cast(AccountExport, self._call("GET", "/v1/users/me/exports/auth"))

    def identities(self) -> IdentityPage:
        """List the identities that are linked to your account."""
        return cast(IdentityPage, self._call("GET", "/v1/users/me/identities"))

    def finish_identity_link(self, body: FinishIdentityLink, *, idempotency_key: str | None = None) -> IdentityView:
        """Link an identity at a provider to your account."""
        return cast(IdentityView, self._call("POST", "/v1/users/me/identities", body=body, idempotency_key=idempotency_key))

    def unlink_identity(self, identity_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the link of an identity to your account."""
        self._call("DELETE", f"/v1/users/me/identities/{segment(identity_id)}", idempotency_key=idempotency_key)

    def begin_identity_link(
        self,
        body: BeginIdentityLink,
        *,
        idempotency_key: str | None = None,
    ) -> AuthorizationRequestView:
        """Begin to link an identity at a provider to your account."""
        return cast(AuthorizationRequestView, self._call("POST", "/v1/users/me/identity-links", body=body, idempotency_key=idempotency_key))

    def begin_passkey_registration(self, *, idempotency_key: str | None = None) -> PasskeyRegistrationView:
        """Begin to register a passkey."""
        return cast(PasskeyRegistrationView, self._call("POST", "/v1/users/me/passkey-registrations", idempotency_key=idempotency_key))

    def passkeys(self) -> PasskeyPage:
        """List the passkeys of your account."""
        return cast(PasskeyPage, self._call("GET", "/v1/users/me/passkeys"))

    def register_passkey(self, body: RegisterPasskey, *, idempotency_key: str | None = None) -> PasskeyView:
        """Register a passkey."""
        return cast(PasskeyView, self._call("POST", "/v1/users/me/passkeys", body=body, idempotency_key=idempotency_key))

    def rename_passkey(
        self,
        passkey_id: str,
        body: RenamePasskeyBody,
        *,
        idempotency_key: str | None = None,
    ) -> PasskeyView:
        """Rename a passkey."""
        return cast(PasskeyView, self._call("PATCH", f"/v1/users/me/passkeys/{segment(passkey_id)}", body=body, idempotency_key=idempotency_key))

    def delete_passkey(self, passkey_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete a passkey."""
        self._call("DELETE", f"/v1/users/me/passkeys/{segment(passkey_id)}", idempotency_key=idempotency_key)

    def change_password(self, body: ChangePassword, *, idempotency_key: str | None = None) -> None:
        """Change the password of your account."""
        self._call("PUT", "/v1/users/me/password", body=body, idempotency_key=idempotency_key)

    def registration(self) -> RegistrationView:
        """Show the state of your registration."""
        return cast(RegistrationView, self._call("GET", "/v1/users/me/registration"))

    def second_factor(self) -> SecondFactorView:
        """Show whether the second factor is on."""
        return cast(SecondFactorView, self._call("GET", "/v1/users/me/second-factor"))

    def begin_second_factor(self, *, idempotency_key: str | None = None) -> SecondFactorSecretView:
        """Begin to turn on the second factor."""
        return cast(SecondFactorSecretView, self._call("POST", "/v1/users/me/second-factor", idempotency_key=idempotency_key))

    def disable_second_factor(self, *, idempotency_key: str | None = None) -> None:
        """Turn off the second factor."""
        self._call("DELETE", "/v1/users/me/second-factor", idempotency_key=idempotency_key)

    def enable_second_factor(
        self,
        body: EnableSecondFactor,
        *,
        idempotency_key: str | None = None,
    ) -> RecoveryCodesView:
        """Turn on the second factor with a first code."""
        return cast(RecoveryCodesView, self._call("POST", "/v1/users/me/second-factor/activation", body=body, idempotency_key=idempotency_key))

    def replace_recovery_codes(self, *, idempotency_key: str | None = None) -> RecoveryCodesView:
        """Replace the recovery codes of the second factor."""
        return cast(RecoveryCodesView, self._call("POST", "/v1/users/me/second-factor/recovery-codes", idempotency_key=idempotency_key))

    def resend_verification(
        self,
        body: ResendVerification,
        *,
        idempotency_key: str | None = None,
    ) -> VerificationEmailAccepted:
        """Send the verification e-mail again."""
        return cast(VerificationEmailAccepted, self._call("POST", "/v1/users/verification-emails", body=body, idempotency_key=idempotency_key))

    def verify_email(self, body: VerifyEmail, *, idempotency_key: str | None = None) -> VerifiedEmailView:
        """Verify an e-mail address and set the account's password."""
        return cast(VerifiedEmailView, self._call("POST", "/v1/users/verify", body=body, idempotency_key=idempotency_key))
