"""Notifications of Amazon SES about bounces and complaints. They arrive as messages of Amazon SNS.

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html (feedback notifications) and
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html (event publishing) name the same objects.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from functions.kernel import Event, Forbidden, Invalid
from functions.wire.email_suppression import MAX_DETAIL_LENGTH, Suppression, SuppressionReason, suppression_key

MAX_BODY_BYTES = 300_000
"""A message of SNS has at most 256 KiB, and its envelope."""
ON_ACCOUNT_LIST = "OnAccountSuppressionList"
"""Subtype of a bounce that SES makes up: it has not sent the e-mail, because the address is on the suppression list of the AWS account. It would
bring back each suppression that is lifted here."""
NOT_SPAM = "not-spam"
"""Type of a feedback report (RFC 6430): the owner of the mailbox says that the e-mail is no spam."""
Short = Annotated[str, Field(max_length=2048)]


class SnsType(StrEnum):
    SUBSCRIPTION = "SubscriptionConfirmation"
    NOTIFICATION = "Notification"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


class SnsMessage(BaseModel):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html. Not to be believed before its signature is verified."""

    model_config = ConfigDict(populate_by_name=True)

    type: SnsType = Field(alias="Type")
    id: Short = Field(alias="MessageId")
    topic: Short = Field(alias="TopicArn")
    message: str = Field(alias="Message")
    at: Short = Field(alias="Timestamp")
    subject: Short | None = Field(default=None, alias="Subject")
    token: Short | None = Field(default=None, alias="Token")
    subscribe_url: Short | None = Field(default=None, alias="SubscribeURL")
    signature_version: str = Field(alias="SignatureVersion", pattern="^[12]$")
    signature: Short = Field(alias="Signature")
    certificate_url: Short = Field(alias="SigningCertURL")

    @property
    def sent_at(self) -> datetime:
        """When SNS got the message from SES; the same each time it is delivered. Raises InvalidNotification."""
        try:
            return _TIME.validate_python(self.at)
        except ValidationError as error:
            raise InvalidNotification(f"Timestamp is not as in a message of Amazon SNS: {error.errors()[0]['msg']}.") from error

    def signed_text(self) -> bytes:
        """Return the string to sign. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html"""
        fields: list[tuple[str, str | None]] = [("Message", self.message), ("MessageId", self.id)]
        if self.type is SnsType.NOTIFICATION:
            fields += [("Subject", self.subject), ("Timestamp", self.at)]
        else:
            fields += [("SubscribeURL", self.subscribe_url), ("Timestamp", self.at), ("Token", self.token)]
        fields += [("TopicArn", self.topic), ("Type", self.type)]
        return "".join(f"{name}\n{value}\n" for name, value in fields if value is not None).encode()


class SesNotificationReceived(Event, type="ses-notification.received"):
    """A message of SNS arrived. Its signature is not verified yet: that needs the certificate of AWS."""

    body: str


class InvalidNotification(Invalid):
    """The body is no message of Amazon SNS. Subscribe this URL to a topic with the protocol HTTPS, without raw message delivery."""


class UnknownTopic(Forbidden):
    """Messages of this topic are not accepted. An operator lists the topic's ARN in `CAPSULE_SES_TOPICS`."""


class ForgedNotification(Exception):
    """The message is not signed by Amazon SNS. The text says what is wrong."""


def parse_sns(body: bytes | str) -> SnsMessage:
    """Raises InvalidNotification."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidNotification("The body is larger than a message of Amazon SNS.")
    try:
        return SnsMessage.model_validate_json(body)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "body"
        raise InvalidNotification(f"{place} is not as in a message of Amazon SNS: {error.errors()[0]['msg']}.") from error


class _Recipient(BaseModel):
    address: str = Field(alias="emailAddress")
    diagnostic: str = Field(default="", alias="diagnosticCode")


class _Bounce(BaseModel):
    type: str = Field(alias="bounceType")
    subtype: str = Field(default="", alias="bounceSubType")
    recipients: list[_Recipient] = Field(alias="bouncedRecipients")


class _Complaint(BaseModel):
    recipients: list[_Recipient] = Field(alias="complainedRecipients")
    kind: str | None = Field(default=None, alias="complaintFeedbackType")


class _Mail(BaseModel):
    """The e-mail as SES sent it. Only this part is free of what a recipient's server or mailbox provider has written."""

    destination: list[str] = []


class _Notification(BaseModel):
    type: str = Field(validation_alias=AliasChoices("notificationType", "eventType"))
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None
    mail: _Mail = _Mail()


_TIME = TypeAdapter(AwareDatetime)


def suppressions_of(text: str, at: datetime) -> list[Suppression]:
    """Return the addresses that a notification reports as undeliverable. A transient bounce (a full mailbox) and a delivery report none.

    `at`: when it was sent. The times inside a notification are those of the recipient's server or mailbox provider, which may write anything,
    as it may name anybody as the recipient (RFC 3464, Final-Recipient): only addresses to which SES has sent the e-mail count.
    Raises InvalidNotification.
    """
    try:
        notification = _Notification.model_validate_json(text)
    except ValidationError as error:
        raise InvalidNotification(f"The message is no notification of Amazon SES: {error.errors()[0]['msg']}.") from error
    return list(_suppressions(notification, at))


def _suppressions(notification: _Notification, at: datetime) -> Iterator[Suppression]:
    destinations = [suppression_key(_printable(each)) for each in notification.mail.destination]
    match notification:
        case _Notification(type="Bounce", bounce=_Bounce(type="Permanent") as bounce) if bounce.subtype != ON_ACCOUNT_LIST:
            for address, diagnostic in _reported(bounce.recipients, destinations):
                yield _suppression(address, SuppressionReason.BOUNCE, diagnostic or f"{bounce.type} {bounce.subtype}", at)
        case _Notification(type="Complaint", complaint=_Complaint() as complaint) if complaint.kind != NOT_SPAM:
            for address, _ in _reported(complaint.recipients, destinations):
                yield _suppression(address, SuppressionReason.COMPLAINT, complaint.kind or "complaint", at)


def _reported(recipients: list[_Recipient], destinations: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the addresses that a report is about, with the diagnostic of each. A report about an e-mail to one address is about that one."""
    if len(destinations) == 1:
        yield destinations[0], recipients[0].diagnostic if recipients else ""
        return
    for each in recipients:
        if (key := suppression_key(_printable(each.address))) in destinations:
            yield key, each.diagnostic


def _suppression(address: str, reason: SuppressionReason, detail: str, at: datetime) -> Suppression:
    """The text is that of the recipient's mail server, which may answer anything. Control characters cannot be stored."""
    return Suppression(address, reason, _printable(detail)[:MAX_DETAIL_LENGTH], at)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
