"""Settings of the one-machine Knative, read once from the environment; credentials from files below CAPSULE_ROOT at each use, if it is set."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from functions.deploy.adapters.shared_variables import EGRESS_ALLOW, HEALTH_CHECK_KEY
from functions.runtime.config.settings import Settings as MountedSettings
from functions.runtime.config.variables import AMQP_URL
from functions.wire.amqp.connection import Address
from functions.wire.settings import InvalidSetting, Setting
from knative.installation import HOME, PORT_OFFSET, PUBLIC_HTTP_PORT, PUBLIC_HTTPS_PORT
from knative.local import variables
from knative.local.ordered_certificates import OrderedCertificate, ordered_certificates
from knative.local.own_hosts import OwnHosts

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Pair:
    """The files of a certificate, followed by its chain, and of its key. PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Https:
    """What the ingress serves with (`serving/http/certificates.py`)."""

    authority: Pair
    """This machine's authority, which `./taskw up` makes."""
    signed_key: Path
    """The key of all certificates that the authority issues for hosts."""
    own: tuple[Pair, ...] = ()
    """Certificates that the operator brings."""
    ordered: tuple[OrderedCertificate, ...] = ()
    """Certificates that Capsule orders for the names of the platform."""

    @classmethod
    def read(cls, home: Path, environment: Mapping[str, str]) -> Self | None:
        """None without CAPSULE_HTTPS. Raises InvalidSetting."""
        if not variables.HTTPS.read(environment):
            return None
        pairs = ((variables.HTTPS_CERTIFICATE, variables.HTTPS_KEY), (variables.HTTPS_APPLICATION_CERTIFICATE, variables.HTTPS_APPLICATION_KEY))
        own = tuple(Pair(files[0].absolute(), files[1].absolute()) for each in pairs if (files := _both(each, environment)))
        secrets = home / "secrets"
        return cls(Pair(home / "tls" / "ca.crt", secrets / "ca.key"), secrets / "https.key", own, ordered_certificates(home, environment))


def _both(settings: tuple[Setting[Path], Setting[Path]], environment: Mapping[str, str]) -> tuple[Path, Path] | None:
    """Return the values of two settings that need each other; None without both. Raises InvalidSetting."""
    present = [setting for setting in settings if environment.get(setting.name)]
    if not present:
        return None
    if len(present) == 1:
        missing = settings[0] if present[0] is settings[1] else settings[1]
        raise InvalidSetting(f"{present[0].name} is set and {missing.name} is not; a certificate needs its key, so set both or none")
    return settings[0].read(environment), settings[1].read(environment)


@dataclass(frozen=True)
class Settings:
    home: Path
    port_offset: int
    amqp_url: Address
    """RabbitMQ (CAPSULE_AMQP_URL)."""
    shared_folders: tuple[Path, ...] = ()
    """Folders of this machine that pods of the platform may write to (CAPSULE_SHARED_FOLDERS, separated like PATH)."""
    readable_folders: tuple[Path, ...] = ()
    """Folders of this machine that pods of the platform may read (CAPSULE_READABLE_FOLDERS)."""
    egress_allow: tuple[str, ...] = ()
    """Private networks that builds and applications reach, in CIDR notation (CAPSULE_EGRESS_ALLOW)."""
    preload_modules: tuple[str, ...] = ()
    """Modules that the zygote imports before its first fork (CAPSULE_PRELOAD_MODULES, separated by commas). Unknown
    modules are skipped."""
    rehearsal: str = ""
    """A module with a function `rehearse`, which children of the zygote call before they are needed (CAPSULE_REHEARSAL); empty: no
    child is forked before."""

    listening_sockets: Mapping[int, int] = field(default_factory=dict)
    """Inherited from the previous process: port → descriptor (CAPSULE_LISTENING_SOCKETS)."""

    allows_dockerfiles: bool = True
    """Whether builds of Dockerfiles and pulls of images are allowed (CAPSULE_DOCKERFILE_BUILDS, on or off)."""

    health_check_keys: Callable[[], Sequence[str]] = tuple
    """Sign the platform's own requests to applications, which the ingress does not measure (CAPSULE_HEALTH_CHECK_KEY)."""

    https: Https | None = None
    """Certificates of the ingress (CAPSULE_HTTPS); None: it speaks HTTP."""

    own_hosts: OwnHosts = field(default_factory=OwnHosts)
    """Names of the operator that the ingress serves beside those below localhost (CAPSULE_PUBLIC_URL, CAPSULE_APPLICATION_URL and others)."""

    public_address: str = LOOPBACK
    """Where the ingress serves domains (CAPSULE_PUBLIC_ADDRESS)."""
    http_port: int = 0
    """CAPSULE_PUBLIC_HTTP_PORT; 0: a port of this installation."""
    https_port: int = 0
    """CAPSULE_PUBLIC_HTTPS_PORT."""

    @property
    def public_http_port(self) -> int:
        return self.http_port or 7083 + self.port_offset

    @property
    def public_https_port(self) -> int:
        return self.https_port or 7084 + self.port_offset

    @property
    def api_port(self) -> int:
        return 7030 + self.port_offset

    @property
    def ingress_port(self) -> int:
        return 7080 + self.port_offset

    @property
    def services_postgres_port(self) -> int:
        """Of the server that has the databases of applications."""
        return 7112 + self.port_offset

    @property
    def services_redis_port(self) -> int:
        """Where Redis services of applications are reached and provisioned (`redis_services`)."""
        return 7113 + self.port_offset

    @property
    def services_dedicated_port(self) -> int:
        """Where the platform reaches databases with a dedicated server (`postgres_services`)."""
        return 7114 + self.port_offset

    def services_redis_password(self, is_alternate: bool) -> str | None:
        """Of a login of the provisioner, which has two while its password rotates; None without it. Raises OSError."""
        try:
            return (self.home / "secrets" / f"services-redis{'-alternate' if is_alternate else ''}.password").read_text()
        except FileNotFoundError:
            return None

    @property
    def api_url(self) -> str:
        return f"https://{LOOPBACK}:{self.api_port}"

    @property
    def state(self) -> Path:
        """The folder of objects, pods, logs and images."""
        return self.home / "knative"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.home / "kubeconfig"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidSetting."""
        offset = PORT_OFFSET.read(environment)
        mounted = MountedSettings(environment)
        home = HOME.read(environment).absolute()
        return cls(
            home=home,
            https=Https.read(home, environment),
            own_hosts=OwnHosts.read(environment),
            port_offset=offset,
            public_address=variables.PUBLIC_ADDRESS.read(environment),
            http_port=PUBLIC_HTTP_PORT.read(environment),
            https_port=PUBLIC_HTTPS_PORT.read(environment),
            shared_folders=variables.SHARED_FOLDERS.read(environment),
            readable_folders=variables.READABLE_FOLDERS.read(environment),
            amqp_url=mounted.following(replace(AMQP_URL, default=f"amqp://guest:guest@{LOOPBACK}:{7010 + offset}/%2F")),
            egress_allow=EGRESS_ALLOW.read(environment),
            allows_dockerfiles=variables.DOCKERFILE_BUILDS.read(environment),
            health_check_keys=mounted.following(HEALTH_CHECK_KEY),
            preload_modules=variables.PRELOAD_MODULES.read(environment),
            rehearsal=variables.REHEARSAL.read(environment),
            listening_sockets=variables.LISTENING_SOCKETS.read(environment),
        )
