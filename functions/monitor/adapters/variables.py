"""The environment variables that functions of monitor read, beside those of every context."""

from functions.runtime.config.variables import PLACE
from functions.wire.addresses import parse_allowed_hosts
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form

WEBHOOK_HOSTS = Setting(
    "CAPSULE_WEBHOOK_HOSTS",
    Form("hosts as host or host:port, separated by commas or spaces", parse_allowed_hosts),
    "Private hosts that webhooks may be sent to. All others must have public addresses, when they are added and at each delivery.",
)

MANAGEMENT_URL = Setting(
    "CAPSULE_RABBITMQ_MANAGEMENT_URL",
    forms.url("http", "https", example="https://rabbitmq.rabbitmq:15671"),
    "RabbitMQ's management API, for the numbers of queues. The user of `monitor` needs the tag `management`.",
    default=None,
    default_note="port 15672 of the host of `CAPSULE_AMQP_URL`; on one machine that of the local server",
)

SECTIONS = (
    Section("Alerts", "monitor", PLACE, (WEBHOOK_HOSTS,)),
    Section("Operations pages", "monitor", PLACE, (MANAGEMENT_URL,)),
)
