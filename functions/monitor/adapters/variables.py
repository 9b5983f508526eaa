"""The environment variables that functions of monitor read, beside those of every context."""

from functions.runtime.config.variables import PLACE
from functions.wire.addresses import parse_allowed_hosts
from functions.wire.settings import Section, Setting
from functions.wire.settings.forms import Form

WEBHOOK_HOSTS = Setting(
    "CAPSULE_WEBHOOK_HOSTS",
    Form("hosts as host or host:port, separated by commas or spaces", parse_allowed_hosts),
    "Private hosts that webhooks may be sent to. All others must have public addresses, when they are added and at each delivery.",
)

SECTIONS = (Section("Alerts", "monitor", PLACE, (WEBHOOK_HOSTS,)),)
