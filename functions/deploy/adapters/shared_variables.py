"""The environment variables of deploy that the one-machine Knative and `./taskw` read too.

Their processes need nothing else of a context. What a value is parsed to is imported when one is parsed: with pydantic and the domain it takes 8 MB.
"""

from typing import TYPE_CHECKING

from functions.wire.addresses import parse_private_networks
from functions.wire.health_checks import MIN_KEY_LENGTH, require_key
from functions.wire.settings import Setting, forms
from functions.wire.settings.forms import Form

if TYPE_CHECKING:
    from functions.deploy.domain.attach_ticket import TerminalAddress
    from functions.deploy.domain.release_facts import ApplicationUrls


def _application_urls(text: str) -> "ApplicationUrls":
    from functions.deploy.domain.release_facts import ApplicationUrls

    return ApplicationUrls(text)


def _terminal_address(text: str) -> "TerminalAddress":
    from functions.deploy.domain.attach_ticket import TerminalAddress

    return TerminalAddress(text)


APPLICATION_URL = Setting(
    "CAPSULE_APPLICATION_URL",
    Form("a URL with {name} and {namespace}, as in https://{name}.apps.example.com", _application_urls),
    "The form of application URLs, as config-network and config-domain make them. Containers find theirs in `CAPSULE_URL`.",
    default_note="on one machine: `http://{name}.localhost:7080`, with the port offset",
)
TERMINAL_URL = Setting(
    "CAPSULE_TERMINAL_URL",
    Form("a WebSocket address, as in wss://terminal.example.com", _terminal_address),
    "Where clients attach to one-off commands and connect to data services: the address of the Service `edge-terminal`. Without it, `capsule run` "
    "needs `--detach`, and there are no tunnels.",
    default_note="on one machine: `ws://127.0.0.1:7082`, with the port offset",
)
EGRESS_ALLOW = Setting(
    "CAPSULE_EGRESS_ALLOW",
    Form("private networks in CIDR notation separated by commas or spaces, as in 10.1.2.0/24", parse_private_networks),
    "Private networks that builds and applications may reach. The addresses of this machine stay closed. On one machine it takes effect after "
    "`down` and `up`, on a cluster at an application's next deployment.",
)


def _health_check_keys(text: str) -> tuple[str, ...]:
    return tuple(require_key(key.strip()) for key in text.split(",") if key.strip())


HEALTH_CHECK_KEY = Setting(
    "CAPSULE_HEALTH_CHECK_KEY",
    Form(f"at least {MIN_KEY_LENGTH} random characters; several, separated by commas, while it is rotated", _health_check_keys),
    "Signs the request by which a deployment checks its URL, so that the ingress of one machine neither measures nor bills it: the first key signs, "
    "each is accepted. Leave it empty on a "
    "cluster, see [0015](decisions/0015-a-release-is-ready-when-it-serves.md).",
    default_note="on one machine: generated",
    is_secret=True,
)
SERVICES_POSTGRES_URL = Setting(
    "CAPSULE_SERVICES_POSTGRES_URL",
    forms.url("postgresql", "postgres", example="postgresql://provisioner:…@postgres.data.svc:5432/postgres"),
    "The PostgreSQL server (15 or newer) on which databases of applications are created, as a role with CREATEDB and CREATEROLE. Never the server of "
    "the platform. Functions get it from the Secret `deploy-services`.",
    default=None,
    default_note="on one machine: a server of its own",
    is_secret=True,
)
SERVICES_REDIS_URL = Setting(
    "CAPSULE_SERVICES_REDIS_URL",
    forms.url("redis", example="redis://provisioner:…@127.0.0.1:7113"),
    "Where the one-machine Knative provisions Redis services of applications. Functions get it from the Secret `deploy-services`.",
    default=None,
    default_note="on one machine: set by `up`",
    is_secret=True,
)
