"""Which private hosts providers may have."""

from functions.wire.addresses import parse_allowed_hosts
from functions.wire.settings import Setting
from functions.wire.settings.forms import Form

OIDC_HOSTS = Setting(
    "CAPSULE_OIDC_HOSTS",
    Form("hosts as host or host:port, separated by commas or spaces", parse_allowed_hosts),
    "Private hosts of providers. All others must have public addresses and https.",
)
