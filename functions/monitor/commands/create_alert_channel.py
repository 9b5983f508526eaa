"""Create a webhook for the notifications of an application."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, Text, command
from functions.monitor.domain.notifications import MAX_CHANNELS, Channel, new_secret
from functions.monitor.domain.rejections import ApplicationNotFound, InvalidWebhook, TooManyChannels
from functions.monitor.domain.webhook_url import WebhookPolicy
from functions.monitor.ports import Applications, Channels, Vault
from functions.monitor.services.access_control import AccessControl
from functions.monitor.services.environments import check_existing


class CreateAlertChannel(Model):
    application_id: UUID
    url: Text


class NewAlertChannelView(Model):
    """`secret` is shown this once: with it the receiver checks the signature (standardwebhooks.com)."""

    id: UUID
    url: str
    secret: str
    created_at: datetime


@command(
    http="POST /v1/apps/{application_id}/alert-channels",
    permission=Permission.ALERTS_WRITE,
    status=201,
    rejects=[ApplicationNotFound, InvalidWebhook, TooManyChannels],
    scale=Scale(max=2, pool=1),
    has_secret_response=True,
)
async def create_alert_channel(
    request: CreateAlertChannel,
    control: AccessControl,
    permit: Permit,
    applications: Applications,
    channels: Channels,
    policy: WebhookPolicy,
    vault: Vault,
    clock: Clock,
) -> Done[NewAlertChannelView]:
    url = policy.admit(request.url)
    application = await applications.get(await control.to_application(permit, request.application_id))
    check_existing(application)
    await applications.lock([application.id])
    if len(await channels.of(application.id)) >= MAX_CHANNELS:
        raise TooManyChannels

    secret = new_secret()
    channel = Channel.open(application.id, url, vault.seal(secret), clock.now())
    await channels.add(channel)
    return Done(NewAlertChannelView(id=channel.id, url=channel.url, secret=secret, created_at=channel.created_at))
