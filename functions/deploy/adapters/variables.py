"""The environment variables that functions of deploy read, beside those of every context."""

from functions.deploy.adapters import domain_variables
from functions.deploy.adapters.shared_variables import (
    APPLICATION_URL,
    EGRESS_ALLOW,
    HEALTH_CHECK_KEY,
    TERMINAL_URL,
)
from functions.deploy.adapters.shared_variables import SERVICES_POSTGRES_URL as SERVICES_POSTGRES_URL
from functions.deploy.adapters.shared_variables import SERVICES_REDIS_URL as SERVICES_REDIS_URL
from functions.deploy.domain.environment import MAX_OBSERVATION_SECONDS
from functions.deploy.domain.service_plans import ServiceAddress
from functions.runtime.config.variables import PLACE
from functions.wire.addresses import parse_allowed_hosts
from functions.wire.health_checks import MIN_KEY_LENGTH, require_key
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form

IMAGE = r"([a-z0-9][A-Za-z0-9._:/-]*[:@][A-Za-z0-9._:-]+)?"
TEMPLATE = "/etc/capsule/build/job.yaml"
REGISTRY_FILE = "registry.json"
"""Beside the template: the login to the registry of images, if there is one."""
DEFAULT_BUILD_VARIABLES = (
    "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE GIT_SSL_CAINFO "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST PIP_CERT UV_DEFAULT_INDEX UV_INDEX UV_FIND_LINKS "
    "NPM_CONFIG_REGISTRY NPM_CONFIG_CAFILE NODE_EXTRA_CA_CERTS REGISTRY_MIRROR GOPROXY GOSUMDB UV_PYTHON_INSTALL_MIRROR "
    "UV_PYTHON_DOWNLOADS_JSON_URL MAVEN_MIRROR_URL COMPOSER_MIRROR_URL BUNDLE_MIRROR__ALL"
)
"""Variables of the operator's environment that builds get by default: proxies, certificate authorities, mirrors."""


def _name_of(kind: str) -> Form[str]:
    """The name of an object of the cluster (RFC 1123 subdomain), or nothing."""
    return forms.matching(f"the name of a {kind}", r"([a-z0-9][a-z0-9.-]{0,252})?")


REPOSITORY_HOSTS = Setting(
    "CAPSULE_REPOSITORY_HOSTS",
    Form("hosts as host or host:port, separated by commas or spaces", parse_allowed_hosts),
    "Private hosts that repositories may be cloned from. Builds reach these and no other private hosts.",
)
SSH_KNOWN_HOSTS = Setting(
    "CAPSULE_SSH_KNOWN_HOSTS",
    forms.text("lines of known_hosts"),
    "Host keys of ssh servers for all applications. Without them the first clone of an application trusts what the server presents.",
)
OBSERVATION_SECONDS = Setting(
    "CAPSULE_OBSERVATION_SECONDS",
    forms.whole_number(0, MAX_OBSERVATION_SECONDS, "seconds"),
    "How long a release that serves is observed, in environments without a value of their own (`capsule scale --observe`). A crash, a restart or "
    "failing requests roll it back. 0: not observed. Takes effect at the next deployment.",
    default="10",
)
COLLECTION_SECONDS = Setting(
    "CAPSULE_COLLECTION_SECONDS",
    forms.whole_number(1, 60, "seconds"),
    "How often requests are read from the pods of a cluster. An observation lasts twice as long at least.",
    default="5",
    default_note="`5`; on one machine `1`",
)
READY_SECONDS = Setting(
    "CAPSULE_READY_SECONDS",
    forms.whole_number(1, 3600, "seconds"),
    "How long a release may take until it serves. Takes effect at the next deployment.",
    default="120",
)


SERVICES_POSTGRES_ADDRESS = Setting(
    "CAPSULE_SERVICES_POSTGRES_ADDRESS",
    Form("host:port, as in postgres.data.svc:5432", ServiceAddress),
    "Where applications reach that server. Without it no databases are created, and services are added by their URL.",
    default="",
    default_note="on one machine: `127.0.0.1:5432`, in the network of each instance",
)
SERVICES_POSTGRES_IMAGE = Setting(
    "CAPSULE_SERVICES_POSTGRES_IMAGE",
    forms.matching("an image with a tag or digest, as in ghcr.io/cloudnative-pg/postgresql:17", IMAGE),
    "The image of dedicated PostgreSQL servers (the plans medium and large), on a cluster with CloudNativePG. Without it, none are created.",
    default="",
)
SERVICES_REDIS_IMAGE = Setting(
    "CAPSULE_SERVICES_REDIS_IMAGE",
    forms.matching("an image with a tag or digest, as in docker.io/valkey/valkey:8.1", IMAGE),
    "The image of Redis services on a cluster: Valkey or Redis, 7.0 or newer. Without it, a cluster creates none.",
    default="",
)
SERVICES_STORAGE_CLASS = Setting(
    "CAPSULE_SERVICES_STORAGE_CLASS",
    _name_of("StorageClass"),
    "Which StorageClass has the data of servers for one service, on a cluster.",
    default="",
    default_note="the cluster's default class",
)
SERVICES_KEY = Setting(
    "CAPSULE_SERVICES_KEY",
    Form(f"at least {MIN_KEY_LENGTH} random characters", require_key),
    "The key from which Capsule derives its own passwords on servers for one service, on a cluster. Functions get it from the Secret "
    "`deploy-services`. With another key Capsule does not reach existing servers.",
    default=None,
    default_note="on a cluster: generated",
    is_secret=True,
)
SERVICES_REDIS_ADDRESS = Setting(
    "CAPSULE_SERVICES_REDIS_ADDRESS",
    Form("host:port, as in 127.0.0.1:6379", ServiceAddress),
    "Where applications reach their Redis services. Without it none are created, and services are added by their URL.",
    default="",
    default_note="on one machine: `127.0.0.1:6379`, in the network of each instance",
)
SERVICES_DEDICATED_ADDRESS = Setting(
    "CAPSULE_SERVICES_DEDICATED_ADDRESS",
    Form("host:port, as in 127.0.0.1:7114", ServiceAddress),
    "Where functions reach databases that have a server for themselves, which the one-machine Knative runs. Without it, plans with a dedicated "
    "server are refused.",
    default="",
    default_note="on one machine: set by `up`",
)
VOLUMES_STORAGE_CLASS = Setting(
    "CAPSULE_VOLUMES_STORAGE_CLASS",
    _name_of("StorageClass"),
    "Which StorageClass has volumes of applications, on a cluster. It must allow expansion.",
    default="",
    default_note="the cluster's default class",
)
VOLUMES_SNAPSHOT_CLASS = Setting(
    "CAPSULE_VOLUMES_SNAPSHOT_CLASS",
    _name_of("VolumeSnapshotClass"),
    "Which VolumeSnapshotClass takes snapshots of volumes, on a cluster with a CSI driver that has them.",
    default="",
    default_note="the default class of the driver",
)
VOLUMES_ACCESS_MODE = Setting(
    "CAPSULE_VOLUMES_ACCESS_MODE",
    forms.one_of("ReadWriteOnce", "ReadWriteMany"),
    "How instances share a volume on a cluster: those of one node, or of all nodes where the StorageClass can do that (NFS, CephFS).",
    default="ReadWriteOnce",
)
IMAGES = Setting(
    "CAPSULE_IMAGES",
    forms.matching("a registry and a path without a tag, as in registry.example.org/apps", r"[a-z0-9][a-z0-9.:/_-]*[a-z0-9]"),
    "Where images of applications are pushed: `<prefix>/<application>`. Set it on a cluster. On one machine the prefix stands for the local image "
    "store.",
    default="capsule.local/apps",
)
BUILD_TEMPLATE = Setting("CAPSULE_BUILD_TEMPLATE", forms.text("a path"), "The mounted template of the build Job.", default=TEMPLATE)
BUILD_ENV = Setting(
    "CAPSULE_BUILD_ENV",
    forms.words("names of variables separated by commas or spaces"),
    "Which variables builds get from `CAPSULE_BUILD_<NAME>`, or else from the functions' own environment.",
    default=DEFAULT_BUILD_VARIABLES,
    default_note="proxies, certificate authorities and mirrors, see below",
)
BUILD_VARIABLE = Setting(
    "CAPSULE_BUILD_<NAME>",
    forms.text("text"),
    "The value of the variable `<NAME>` in builds. On one machine `up` sets it from your proxies, certificate authorities and mirrors.",
    is_secret=True,
)
SECTIONS = (
    Section(
        "Deployments and builds",
        "deploy",
        PLACE,
        (
            REPOSITORY_HOSTS, SSH_KNOWN_HOSTS, APPLICATION_URL, TERMINAL_URL, EGRESS_ALLOW, OBSERVATION_SECONDS, COLLECTION_SECONDS, READY_SECONDS,
            HEALTH_CHECK_KEY, SERVICES_POSTGRES_URL, SERVICES_POSTGRES_ADDRESS, SERVICES_REDIS_URL, SERVICES_REDIS_ADDRESS,
            SERVICES_DEDICATED_ADDRESS, SERVICES_POSTGRES_IMAGE, SERVICES_REDIS_IMAGE, SERVICES_STORAGE_CLASS, SERVICES_KEY,
            VOLUMES_STORAGE_CLASS, VOLUMES_SNAPSHOT_CLASS, VOLUMES_ACCESS_MODE, IMAGES,
            BUILD_TEMPLATE, BUILD_ENV, BUILD_VARIABLE,
        ),
    ),
    domain_variables.SECTION,
)  # fmt: skip
