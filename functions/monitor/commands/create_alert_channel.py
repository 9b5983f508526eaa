"""An application's owner wants notifications at an address of theirs, signed."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Caller, Clock, Done, Model, Scale, command
from functions.monitor.domain.notifications import MOST_CHANNELS, Channel, new_secret
from functions.monitor.domain.rejections import ApplicationNotFound, InvalidWebhook, TooManyChannels
from functions.monitor.ports import Applications, Channels, Vault


class CreateAlertChannel(Model):
    application_id: UUID
    url: str


class CreatedAlertChannel(Model):
    """`secret` is shown this once: with it the receiver checks the signature (standardwebhooks.com)."""

    id: UUID
    url: str
    secret: str
    created_at: datetime


@command(
    http="POST /v1/apps/{application_id}/alert-channels",
    answers=201,
    rejects=[ApplicationNotFound, InvalidWebhook, TooManyChannels],
    scale=Scale(max=2, pool=1),
    secret_answer=True,
)
async def create_alert_channel(
    asked: CreateAlertChannel, caller: Caller, applications: Applications, channels: Channels, vault: Vault, clock: Clock
) -> Done[CreatedAlertChannel]:
    application = await applications.get(asked.application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound
    await applications.lock([application.id])
    if len(await channels.of(application.id)) >= MOST_CHANNELS:
        raise TooManyChannels

    secret = new_secret()
    channel = Channel.open(application.id, asked.url, vault.seal(secret), clock.now())
    await channels.add(channel)
    return Done(CreatedAlertChannel(id=channel.id, url=channel.url, secret=secret, created_at=channel.created_at))
