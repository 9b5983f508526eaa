"""The setting with the topics of Amazon SNS from which notifications are accepted."""

from functions.wire.settings import Setting, forms

SES_TOPICS = Setting(
    "CAPSULE_SES_TOPICS",
    forms.items("ARNs of topics separated by commas, as in arn:aws:sns:eu-west-1:123456789012:bounces"),
    "Topics of Amazon SNS whose notifications of bounces and complaints are accepted, see [E-mails](mail.md#bounces-and-complaints).",
)
