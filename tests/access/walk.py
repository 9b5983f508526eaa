"""All contexts in memory with one object of each kind, and callers who ask every route for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, SecretStr

from events.auth import UserCreated
from functions.auth import ports as auth
from functions.auth.commands.create_service_account import CreateServiceAccount
from functions.auth.commands.create_service_account_token import CreateServiceAccountToken
from functions.auth.commands.create_team import CreateTeam
from functions.auth.commands.create_token import CreatedTokenView, CreateToken
from functions.auth.commands.invite_member import InviteMember
from functions.auth.commands.request_email_change import RequestEmailChange
from functions.auth.domain.device_authorization import DeviceAuthorization
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.identity import Identity, IdentityProvider, ProviderClaims
from functions.auth.domain.mailbox import ReceivedEmail
from functions.auth.domain.passkey import Passkey, RegisteredKey
from functions.auth.domain.provider_login import BrowserToken, ProviderLogin
from functions.auth.domain.registration import Registration
from functions.auth.domain.session import Device, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.billing import ports as billing
from functions.billing.commands.refund_invoice import RefundInvoice
from functions.billing.commands.subscribe import Subscribe
from functions.deploy.commands.add_domain import AddDomain
from functions.deploy.commands.create_data_service import CreateDataService
from functions.deploy.commands.create_schedule import CreateSchedule
from functions.deploy.commands.create_service_backup import CreateServiceBackup
from functions.deploy.commands.create_volume import CreateVolume
from functions.deploy.commands.create_volume_snapshot import CreateVolumeSnapshot
from functions.deploy.commands.inspect_repository import InspectRepository
from functions.deploy.commands.start_run import StartRun
from functions.deploy.domain.names import EnvironmentName
from functions.edge.gateway.routing import Route, Table
from functions.kernel import Caller, Client, File, Kind, Rejection, Scope
from functions.monitor import ports as monitor
from functions.monitor.commands.create_alert_channel import CreateAlertChannel
from functions.monitor.commands.create_alert_rule import CreateAlertRule
from functions.monitor.commands.create_webhook import CreateWebhook
from functions.monitor.commands.send_test_event import SendTestEvent
from functions.monitor.commands.try_alert_channel import TryAlertChannel
from functions.monitor.domain.timeline import Execution
from functions.runtime.config.registry import Registry, contexts
from functions.wire.email_suppression import Suppression, SuppressionReason
from tests.access.inputs import LINK_TOKEN, PASSWORD, PROVIDER, valid_input
from tests.access.rules import BY_ROUTE, Access
from tests.billing.world import FixedRenderer
from tests.deploy.deploy_capsule import OWNER, REPOSITORY, DeployCapsule

ROUTES = [route for route in Table(Registry.load().declarations).routes if route.former is None]  # former versions call the same function
CLIENT = Client("203.0.113.7", "curl/8")
OTHER, ADMIN = Caller(UUID(int=2)), Caller(UUID(int=3), frozenset({"user", "admin"}))
EMAIL = "owner-4711@example.org"

OF_A_SESSION = ("auth.confirm_identity", "auth.decide_device_authorization")
"""What needs a session; the callers of the other routes have none."""


@dataclass
class Outcome:
    """`status`: 200 for a success. `slug`: of the rejection."""

    status: int
    slug: str = ""
    answer: bytes = b""


class FixedProviders:
    def list(self) -> Sequence[IdentityProvider]:
        return (PROVIDER,)

    def get(self, name: str) -> IdentityProvider | None:
        return PROVIDER if name == PROVIDER.name else None


class FixedMailbox:
    email = ReceivedEmail("1764.M1P1.host", "ada@example.org", "Hello", datetime(2026, 11, 22, tzinfo=UTC))

    async def list_newest(self, limit: int) -> Sequence[ReceivedEmail]:
        return [self.email]

    async def read(self, id: str) -> ReceivedEmail:
        return self.email


class Walk(DeployCapsule):
    """All contexts in memory, with one object of each kind that a route names. `ids`: their values by path parameter."""

    ids: dict[str, Any]
    team_id: UUID
    """A shared team of the owner."""
    service_token_id: UUID
    """An API token of the service account of that team."""
    token = ""
    """Of the owner's invitation to a team of the other user."""

    def __init__(self) -> None:
        super().__init__(
            *contexts(), ports={billing.InvoiceRenderer: FixedRenderer, auth.IdentityProviders: FixedProviders, auth.Mailbox: FixedMailbox}
        )
        self.ids = {}

    async def prepare(self) -> None:
        for caller, email in ((OTHER, "other@example.org"), (ADMIN, "admin@example.org"), (OWNER, EMAIL)):
            await self._register(caller, email)
        team, invitation = await self._team()
        service_account = await self._service_account(team)
        first = await self.first_release()
        run = await self.call(StartRun(application_id=first.application_id, environment=EnvironmentName("staging"), command="true"), caller=OWNER)
        request = CreateSchedule(application_id=first.application_id, environment="staging", cron="0 3 * * *", command="true")
        schedule = await self.call(request, caller=OWNER)
        await self.call(AddDomain(application_id=first.application_id, environment="staging", host="shop.example.com"), caller=OWNER)
        await self.call(RequestEmailChange(email="owner-4712@example.org", password=SecretStr(PASSWORD)), caller=OWNER)
        await self.call(Subscribe(plan="pro", payment_method="pm_card_visa"), caller=OWNER)
        await self.settle()
        application = first.application_id
        channel = await self.call(CreateAlertChannel(application_id=application, url="https://hooks.example.org/x"), caller=OWNER)
        webhook = await self.call(CreateWebhook(url="https://hooks.example.org/x", event_types=["webhook.disabled"]), caller=OWNER)
        delivery = await self.call(SendTestEvent(webhook_id=webhook.id), caller=OWNER)
        alert_test = await self.call(TryAlertChannel(application_id=application, channel_id=channel.id), caller=OWNER)
        rule = await self.call(CreateAlertRule.model_validate({"applicationId": application, "kind": "deployment-failed"}), caller=OWNER)
        inspection = await self.call(InspectRepository(repository=REPOSITORY), caller=OWNER)
        service = await self.call(CreateDataService(application_id=application, name="main"), caller=OWNER)
        second = await self.deploy(application)
        await self.settle()
        await self.fail_build(await self.deployments.get(second.id))
        await self.settle()
        backup = await self.call(CreateServiceBackup(application_id=application, service_id=service.id), caller=OWNER)
        await self.settle()
        volume = await self.call(CreateVolume(application_id=application, name="files"), caller=OWNER)
        await self.settle()
        snapshot = await self.call(CreateVolumeSnapshot(application_id=application, volume_id=volume.id), caller=OWNER)
        await self.settle()
        [alert, *_] = self.port(monitor.Alerts).alerts.values()
        third = await self.deploy(application)
        await self.settle()
        [invoice] = self.port(billing.Invoices).invoices.values()
        await self.call(RefundInvoice(invoice_id=invoice.id, amount=100, reason="sorry"), caller=ADMIN)
        await self.settle()
        [credit_note] = await self.port(billing.CreditNotes).list_for_invoice(invoice.id)
        await self._device()
        self.ids = {
            "applicationId": application,
            "deploymentId": third.id,
            "environment": "staging",
            "number": 1,
            "runId": run.id,
            "scheduleId": schedule.id,
            "host": "shop.example.com",
            "inspectionId": inspection.id,
            "serviceId": service.id,
            "backupId": backup.id,
            "volumeId": volume.id,
            "snapshotId": snapshot.id,
            "channelId": channel.id,
            "ruleId": rule.id,
            "webhookId": webhook.id,
            "deliveryId": delivery.delivery_id,
            "alertDeliveryId": alert_test.delivery_id,
            "operationId": third.id,
            "alertId": alert.id,
            "invoiceId": invoice.id,
            "creditNoteId": credit_note.id,
            "userId": OWNER.user_id,
            "invitationId": invitation,
            "correlationId": "request-of-the-owner",
            "sessionId": await self._session(OWNER),
            "serviceAccountId": service_account,
            "tokenId": await self._token(OWNER),
            "identityId": await self._identities(OWNER),
            "passkeyId": await self._passkey(OWNER),
            "address": EMAIL,
            "emailId": FixedMailbox.email.id,
        }
        bounced_at = self.clock.now() - timedelta(minutes=1)
        await self.port(auth.Suppressions).suppress(Suppression(EMAIL, SuppressionReason.BOUNCE, "550 5.1.1", bounced_at))
        self.team_id = team
        done: dict[str, Any] = {"name": "deploy.deploy", "context": "deploy", "kind": "command", "type": "deploy.deploy", "outcome": "done"}
        done |= {"message": "m-1", "correlation": "request-of-the-owner", "actor": OWNER.user_id, "duration_ms": 1.0, "detail": "", "trace": None}
        execution = Execution(at=self.clock.now(), causation=None, emitted=(), attempt=1, cold=False, **done)
        await self.port(monitor.Executions).add([execution])

    async def ask(self, route: Route, caller: Caller | None, ids: dict[str, Any] | None = None) -> Outcome:
        """Call a route's function with valid input: a sample of its schema, and `ids` (default: those of the owner's objects) in its path.

        A caller without scopes has just signed in.
        """
        if caller is not None and caller.scopes is None:
            session_id = self.ids["sessionId"] if route.name in OF_A_SESSION and caller == OWNER else None
            caller = replace(caller, authenticated_at=self.clock.now(), session_id=session_id)
        ids = dict(ids or self.ids | ({"tokenId": self.service_token_id} if route.name == "auth.revoke_service_account_token" else {}))
        if BY_ROUTE[route.name] is Access.TEAM:
            ids.setdefault("teamId", self.team_id)
        if caller and caller.user_id == OWNER.user_id and route.name == "auth.accept_invitation":
            ids["token"] = self.token
        request = route.input.model_validate(valid_input(route, ids))
        try:
            output = await self.call(request, caller=caller, client=CLIENT)
        except Rejection as rejection:
            return Outcome(rejection.status, rejection.slug(), rejection.detail.encode())
        return Outcome(200, answer=output.model_dump_json(by_alias=True).encode() if isinstance(output, BaseModel) else b"")

    async def owners_view(self) -> dict[str, Outcome]:
        """What the owner reads at every route."""
        return {route.name: await self.ask(route, OWNER) for route in ROUTES if is_readable(route)}

    async def _team(self) -> tuple[UUID, UUID]:
        """A team of the owner with an open invitation, and an invitation of the owner to a team of the other user."""
        own, others = [(await self.call(CreateTeam(name="crew"), caller=caller)).id for caller in (OWNER, OTHER)]
        invitation = await self.call(InviteMember(team_id=own, email="guest@example.org"), caller=OWNER)
        await self.call(InviteMember(team_id=others, email=EMAIL), caller=OTHER)
        await self.settle()
        self.token = self.port(auth.Mailer).tokens(EmailKind.INVITATION)[-1]
        return own, invitation.id

    async def _service_account(self, team: UUID) -> UUID:
        account = (await self.call(CreateServiceAccount(team_id=team, name="ci"), caller=OWNER)).id
        request = CreateServiceAccountToken(team_id=team, service_account_id=account, name="of-the-team", scopes=[Scope.READ])
        self.service_token_id = (await self.call(request, caller=replace(OWNER, authenticated_at=self.clock.now()))).id
        assert isinstance(account, UUID)
        return account

    async def _session(self, caller: Caller) -> UUID:
        session, _ = Session.start(caller.user_id, Device.of(CLIENT), self.clock.now())
        await self.port(auth.Sessions).add(session, OpaqueToken.for_refresh())
        return session.id

    async def _device(self) -> None:
        """A device that asks to sign in with the code of the schema's example."""
        authorization = DeviceAuthorization.begin(Device.of(CLIENT), OpaqueToken.for_device(), self.clock.now())
        await self.port(auth.DeviceAuthorizations).add(replace(authorization, user_code="WDJBMJHT"))

    async def _identities(self, caller: Caller) -> UUID:
        """An identity of the caller, and another one that the caller is about to link."""
        now = self.clock.now()
        identity, _ = Identity.link(caller.user_id, PROVIDER.name, ProviderClaims(issuer=PROVIDER.issuer, subject="1"), now)
        await self.port(auth.Identities).add(identity)
        login = ProviderLogin.begin(PROVIDER.name, BrowserToken(OpaqueToken(LINK_TOKEN)), caller.user_id, now)
        login.identify(ProviderClaims(issuer=PROVIDER.issuer, subject="2"))
        await self.port(auth.ProviderLogins).add(login)
        return identity.id

    async def _passkey(self, caller: Caller) -> UUID:
        passkey, _ = Passkey.register(caller.user_id, RegisteredKey(b"id", b"key", 0, False), "Laptop", self.clock.now())
        await self.port(auth.Passkeys).add(passkey)
        return passkey.id

    async def _token(self, caller: Caller) -> UUID:
        request = CreateToken(name="of-the-owner", scopes=[Scope.READ])
        created = await self.call(request, caller=replace(caller, authenticated_at=self.clock.now()))
        assert isinstance(created, CreatedTokenView)
        return created.id

    async def _register(self, caller: Caller, email: str) -> None:
        hasher = self.port(auth.Hasher)
        user, _ = User.register(Email(email), await hasher.rehash(PASSWORD), self.clock.now())
        user = replace(user, id=caller.user_id, email_verified_at=self.clock.now())
        await self.port(auth.Users).add(user)
        await self.port(auth.Registrations).add(Registration.of(user, f"registration-{email}")[0])
        await self.publish(UserCreated(user_id=user.id, email=email, at=user.registered_at))
        await self.advance(seconds=1)


def is_readable(route: Route) -> bool:
    return (
        route.declaration.kind is Kind.QUERY
        and BY_ROUTE[route.name] not in (Access.ADMIN, Access.ANYONE)
        and not issubclass(route.declaration.output, File)
    )


async def prepared() -> Walk:
    walk = Walk()
    await walk.prepare()
    return walk
