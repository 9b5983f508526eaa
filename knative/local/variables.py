"""The environment variables that the one-machine Knative reads, and that it sets for pods."""

import ipaddress
import os

from functions.deploy.adapters.shared_variables import EGRESS_ALLOW, HEALTH_CHECK_KEY
from functions.runtime.config.variables import AMQP_URL
from functions.wire.settings import Section, Setting, forms
from knative.installation import DISK_RESERVE_GIB, HOME, PORT_OFFSET, PUBLIC_HTTP_PORT, PUBLIC_HTTPS_PORT
from knative.local import listening_sockets

READER = "one-machine Knative"
PLACE = "In the environment of `./taskw up`. They take effect after `./taskw down` and `./taskw up`."

DOCKERFILE_BUILDS = Setting(
    "CAPSULE_DOCKERFILE_BUILDS",
    forms.switch(),
    "`off` forbids builds of Dockerfiles and images of registries.",
    default="on",
)
IMAGE_STORE_GIB = Setting(
    "CAPSULE_IMAGE_STORE_GIB",
    forms.number("a number of GiB above 0, as in 20", lambda gib: 0 < gib < 1 << 20),
    "Space for images of all applications. The oldest that nothing references are deleted first.",
    default=None,
    default_note="a quarter of the disk",
)
LOG_LEVEL = Setting(
    "CAPSULE_LOG_LEVEL",
    forms.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "What the one-machine Knative logs (`./taskw logs knative`).",
    default="INFO",
)
HTTPS = Setting(
    "CAPSULE_HTTPS",
    forms.switch(),
    "Whether the gateway, the dashboard, terminals and applications are served over TLS 1.3 only, see [HTTPS](operations.md#https). Takes effect at "
    "the next `up`.",
    default="off",
)
_CERTIFICATE = "the path of a PEM file with a certificate followed by its chain"
_KEY = "the path of a PEM file with a private key without a passphrase, readable by its owner only"
HTTPS_CERTIFICATE = Setting(
    "CAPSULE_HTTPS_CERTIFICATE",
    forms.path(_CERTIFICATE),
    "Your certificate for the hosts of `CAPSULE_PUBLIC_URL` and `CAPSULE_DASHBOARD_URL`. Every other host gets one of this machine's authority.",
)
HTTPS_KEY = Setting("CAPSULE_HTTPS_KEY", forms.path(_KEY), "Its key. Both files may be replaced while Capsule runs.")
HTTPS_APPLICATION_CERTIFICATE = Setting(
    "CAPSULE_HTTPS_APPLICATION_CERTIFICATE",
    forms.path(_CERTIFICATE),
    "Your wildcard certificate for the hosts of `CAPSULE_APPLICATION_URL`.",
)
HTTPS_APPLICATION_KEY = Setting("CAPSULE_HTTPS_APPLICATION_KEY", forms.path(_KEY), "Its key.")
DNS_HOOK = Setting(
    "CAPSULE_DNS_HOOK",
    forms.path("the path of an executable file"),
    "Your program that creates and deletes TXT records, for certificates by DNS-01, see [The DNS hook](domains.md#the-dns-hook). `up` reads it.",
)
PUBLIC_ADDRESS = Setting(
    "CAPSULE_PUBLIC_ADDRESS",
    forms.Form("an IP address of this machine, as in 0.0.0.0 or ::", lambda text: str(ipaddress.ip_address(text))),
    "Where the ingress serves domains of applications, see [Domains and TLS](operations.md#domains-and-tls). All other ports stay on loopback. Takes "
    "effect after `down` and `up`.",
    default=listening_sockets.LOOPBACK,
)
SHARED_FOLDERS = Setting(
    "CAPSULE_SHARED_FOLDERS",
    forms.paths(f"folders separated by {os.pathsep}"),
    "Folders of this machine that pods of the platform may write to.",
)
READABLE_FOLDERS = Setting(
    "CAPSULE_READABLE_FOLDERS",
    forms.paths(f"folders separated by {os.pathsep}"),
    "Folders of this machine that pods of the platform may read.",
)
PRELOAD_MODULES = Setting(
    "CAPSULE_PRELOAD_MODULES",
    forms.items("names of modules separated by commas"),
    "Modules that are imported before functions are forked. Unknown ones are skipped.",
)
REHEARSAL = Setting(
    "CAPSULE_REHEARSAL",
    forms.text("the name of a module"),
    "A module whose function `rehearse` runs in forks that wait for their function. Empty: each is forked when it is needed.",
    default="",
)
LISTENING_SOCKETS = Setting(
    "CAPSULE_LISTENING_SOCKETS",
    forms.Form("ports and descriptors as in 7080=5,3000=6", listening_sockets.parse),
    "Sockets that a new process takes over from the one before, so that no connection is refused in between.",
)
DISPATCHER_STOP = Setting(
    "CAPSULE_DISPATCHER_STOP",
    forms.one_of("requeue", "dead-letter"),
    "What a dispatcher does with messages in progress when it stops. `dead-letter` as a cluster does, in the conformance suite.",
    default="requeue",
)
STARTED_AS = Setting("CAPSULE_STARTED_AS", forms.text("a name"), "The name of a process of `up`: its successor ends what it left.")
STARTED_FOR = Setting("CAPSULE_STARTED_FOR", forms.text("a path"), "The state folder that a process belongs to: `down` ends its processes.")

SECTIONS = (
    Section(
        "One-machine Knative",
        READER,
        PLACE,
        (
            *(HOME, PORT_OFFSET, AMQP_URL, EGRESS_ALLOW, DOCKERFILE_BUILDS, IMAGE_STORE_GIB, DISK_RESERVE_GIB, LOG_LEVEL, HEALTH_CHECK_KEY),
            *(PUBLIC_ADDRESS, PUBLIC_HTTP_PORT, PUBLIC_HTTPS_PORT),
            *(HTTPS, HTTPS_CERTIFICATE, HTTPS_KEY, HTTPS_APPLICATION_CERTIFICATE, HTTPS_APPLICATION_KEY, DNS_HOOK),
        ),
    ),
    Section(
        "Set by Capsule for the one-machine Knative and its pods",
        READER,
        "`./taskw up` and the one-machine Knative set them. Do not set them yourself.",
        (SHARED_FOLDERS, READABLE_FOLDERS, PRELOAD_MODULES, REHEARSAL, LISTENING_SOCKETS, DISPATCHER_STOP, STARTED_FOR, STARTED_AS),
    ),
)
