"""The environment variables that functions of every context read."""

from urllib.parse import urlsplit

from functions.wire.queue_consumption import ACTIVITY, CONSUMES
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form

FUNCTIONS_READER = "functions"
PLACE = (
    "On a cluster in the ConfigMap `capsule-settings` or a Secret `<context>-settings` of the namespace `capsule`; on one machine in the "
    "environment of `./taskw up`. They take effect when an instance starts."
)


def _mail_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "maildir":
        if parts.hostname or not parts.path.strip("/"):
            raise ValueError("maildir:// needs an absolute path")
    elif parts.scheme not in ("smtp", "smtps", "ses") or not parts.hostname or parts.port == 0:
        raise ValueError("it needs a scheme and a host")
    return text


AMQP_URL = Setting(
    "CAPSULE_AMQP_URL",
    forms.url("amqp", "amqps", example="amqp://user:password@host:5672/%2F"),
    "RabbitMQ 3.10 or newer. For `up`: an external server, as a user that may declare exchanges and queues of Brokers and Triggers. "
    "Functions get it from the Secret `<user>-amqp`.",
    default=None,
    default_note="on one machine: a local server",
    is_secret=True,
)
_DATABASE = forms.text("the URL of a PostgreSQL database, as in postgresql://user:password@host:5432/name")
DATABASE_URL = Setting(
    "CAPSULE_<CONTEXT>_DATABASE_URL",
    _DATABASE,
    "The database of a context (PostgreSQL 15 or newer), as the role of its functions. Functions get it from the Secret `<context>-database`.",
    default=None,
    default_note="on one machine: a local server",
    is_secret=True,
)
READER_URL = Setting(
    "CAPSULE_<CONTEXT>_READER_URL",
    _DATABASE,
    "The same database as a role that can only read. Queries save two round trips.",
    is_secret=True,
)
REPLICA_URL = Setting(
    "CAPSULE_<CONTEXT>_REPLICA_URL",
    _DATABASE,
    "Replicas of the same database, as the role of `CAPSULE_<CONTEXT>_READER_URL`. Queries are read there, and from the primary while a replica has "
    "not applied what was committed before; see [Replicas](cluster.md#replicas).",
    is_secret=True,
)
PREPARED_STATEMENTS = Setting(
    "CAPSULE_PREPARED_STATEMENTS",
    forms.switch(),
    "`off` if the database URLs lead to PgBouncer before 1.21. A pooler in transaction mode is supported, see "
    "[0012](decisions/0012-transaction-pooling-and-a-connection-budget.md).",
    default="on",
)
MAIL_URL = Setting(
    "CAPSULE_MAIL_URL",
    Form("a URL as in smtp://user:password@mail.example.org:587, smtps://…, ses://eu-west-1 or maildir:///folder", _mail_url),
    "Where e-mails go. `smtp://` uses STARTTLS if the server offers it and sends credentials without TLS to loopback only; `ses://region` "
    "is Amazon SES; `maildir:///folder` writes files. See [E-mails](mail.md). `?ca=/path/to/ca.pem` trusts a private certificate authority.",
    default=None,
    default_note="on one machine: files in the state folder",
    is_secret=True,
)
MAIL_FROM = Setting(
    "CAPSULE_MAIL_FROM",
    forms.matching("a sender as in Capsule <no-reply@example.org>", r"[^\r\n]*[^\s@<>]+@[^\s@<>]+>?"),
    "The sender of all e-mails.",
    default="Capsule <no-reply@capsule.localhost>",
)
PUBLIC_URL = Setting(
    "CAPSULE_PUBLIC_URL",
    forms.url("http", "https", example="https://capsule.example.org"),
    "The gateway's URL, in e-mails.",
    default="http://127.0.0.1:3000",
    default_note="on one machine: `http://127.0.0.1:3000`, with the port offset",
)
DASHBOARD_URL = Setting(
    "CAPSULE_DASHBOARD_URL",
    forms.url("http", "https", example="https://dashboard.example.com"),
    "The dashboard's public address: in e-mails with invitations to teams, in the instructions of `capsule login --device`, and of "
    "sign-ins with a provider. With `https://`, its cookies are `Secure`.",
    default="http://dashboard.localhost:7080",
    default_note="on one machine: `http://dashboard.localhost:7080`, with the port offset",
)
ISSUER = Setting(
    "CAPSULE_ISSUER",
    forms.matching("text without spaces", r"\S+"),
    "The issuer of access tokens. The same for all functions and the gateway.",
    "capsule",
)
AUTHORITIES_FILE = Setting(
    "CAPSULE_AUTHORITIES_FILE",
    forms.text("the path of a PEM file with certificates"),
    "Certificate authorities that functions trust besides the system's, in requests to applications, and `up` for your certificates.",
    default_note="on one machine with `CAPSULE_HTTPS`: its own authority",
)
REQUIRE_TLS = Setting(
    "CAPSULE_REQUIRE_TLS",
    forms.switch(),
    "Whether functions refuse to start with an address of RabbitMQ or PostgreSQL to which connections are not encrypted and verified.",
    default="off",
)
OPERATORS = Setting(
    "CAPSULE_OPERATORS",
    forms.items("e-mail addresses separated by commas"),
    "Who receives alerts about the platform, disputes and failed refunds.",
)
GRACE_HOURS = Setting(
    "CAPSULE_GRACE_HOURS",
    forms.number("a number of hours from 0 to 8760, as in 24", lambda hours: hours <= 8760),
    "How long what a restricted account runs goes on before it is paused. Takes effect at the next restriction.",
    default="24",
)

_OTLP_URL = forms.url("http", "https", example="http://127.0.0.1:4318")
OTLP_ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    Form(_OTLP_URL.description, lambda text: _OTLP_URL.parse(text) if text else ""),
    "Where traces go, over OTLP/HTTP, see [Traces](operations.md#traces). Without it there are none.",
)
OTLP_HEADERS = Setting(
    "OTEL_EXPORTER_OTLP_HEADERS",
    forms.text("headers as in authorization=Bearer%20token,tenant=1"),
    "Headers of requests with traces, for collectors that authenticate.",
    is_secret=True,
)
TRACES_SAMPLER = Setting(
    "OTEL_TRACES_SAMPLER",
    forms.one_of("parentbased_always_on", "parentbased_traceidratio", "parentbased_always_off", "always_on", "traceidratio", "always_off"),
    "Which requests are traced. `parentbased_…` follows the flag of a client's `traceparent`, and decides itself without one.",
    default="parentbased_always_on",
)
TRACES_SAMPLER_ARG = Setting(
    "OTEL_TRACES_SAMPLER_ARG",
    forms.number("a number from 0 to 1, as in 0.1", lambda ratio: 0 <= ratio <= 1),
    "The share of requests that a sampler with `traceidratio` traces.",
    default="1",
)

FUNCTION = Setting(
    "CAPSULE_FUNCTION",
    forms.items("names of functions as in auth.register, or a context as in auth.*, separated by commas"),
    "Which functions a process serves. Set in each Service's manifest.",
    default=None,
)
NAMESPACE = Setting(
    "CAPSULE_NAMESPACE",
    forms.matching("the name of a namespace", r"[a-z0-9-]{1,63}"),
    "The namespace of the Triggers that the topology Job reads.",
    "capsule",
)
BROKER = Setting("CAPSULE_BROKER", forms.matching("the name of a Broker", r"[a-z0-9-]{1,63}"), "The Broker that the topology Job binds.", "capsule")
ROOT = Setting(
    "CAPSULE_ROOT",
    forms.path(),
    "The folder below which a container's mounts are, where processes have no mount namespace of their own.",
    default="/",
)
BIND = Setting("CAPSULE_BIND", forms.text("an IPv4 address"), "The address to listen on. The one-machine Knative sets loopback.", "0.0.0.0")
PORT = Setting("PORT", forms.whole_number(1, 65535), "The port to listen on (Knative's contract).", "8080")
STRICT = Setting("CAPSULE_STRICT", forms.switch("1", "0"), "`1` in tests: undeclared events and rejections are errors.", "0")

KUBECONFIG = Setting(
    "KUBECONFIG",
    forms.text("a path"),
    "The file with the address and credentials of the cluster's API.",
    default_note="the pod's service account",
)

FUNCTIONS = Section(
    "Functions of every context",
    FUNCTIONS_READER,
    PLACE,
    (
        *(
            AMQP_URL,
            DATABASE_URL,
            READER_URL,
            REPLICA_URL,
            PREPARED_STATEMENTS,
            MAIL_URL,
            MAIL_FROM,
            PUBLIC_URL,
            DASHBOARD_URL,
            AUTHORITIES_FILE,
            REQUIRE_TLS,
            ISSUER,
            OPERATORS,
            GRACE_HOURS,
        ),
        *(OTLP_ENDPOINT, OTLP_HEADERS, TRACES_SAMPLER, TRACES_SAMPLER_ARG),
    ),
)
INTERNAL = Section(
    "Set by Capsule for functions",
    FUNCTIONS_READER,
    "Manifests and the one-machine Knative set them. Do not set them yourself.",
    (FUNCTION, NAMESPACE, BROKER, ROOT, BIND, PORT, CONSUMES, ACTIVITY, STRICT, KUBECONFIG),
)
SECTIONS = (FUNCTIONS, INTERNAL)
