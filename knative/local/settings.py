"""Settings of the one-machine Knative, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from functions.wire.health_checks import require_key
from knative.local.processes.network.routes import parse_allowed_networks

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    home: Path
    port_offset: int
    amqp_url: str
    shared_folders: tuple[Path, ...] = ()
    """Folders of this machine that pods of the platform may write to (CAPSULE_SHARED_FOLDERS, separated like PATH)."""
    readable_folders: tuple[Path, ...] = ()
    """Folders of this machine that pods of the platform may read (CAPSULE_READABLE_FOLDERS)."""
    egress_allow: tuple[str, ...] = ()
    """Private networks that builds and applications reach, in CIDR notation (CAPSULE_EGRESS_ALLOW)."""
    preload_modules: tuple[str, ...] = ()
    """Modules that the zygote imports before its first fork (CAPSULE_PRELOAD_MODULES, separated by commas). Unknown
    modules are skipped."""

    allows_dockerfiles: bool = True
    """Whether builds of Dockerfiles and pulls of images are allowed (CAPSULE_DOCKERFILE_BUILDS, on or off)."""

    health_check_key: str = ""
    """Signs the platform's own requests to applications, which the ingress does not measure (CAPSULE_HEALTH_CHECK_KEY)."""

    @property
    def api_port(self) -> int:
        return 7030 + self.port_offset

    @property
    def ingress_port(self) -> int:
        return 7080 + self.port_offset

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
        """Raises ValueError when a setting has no acceptable value."""
        offset = int(environment.get("CAPSULE_PORT_OFFSET", "0"))
        return cls(
            home=Path(environment.get("CAPSULE_HOME", ".capsule")).absolute(),
            port_offset=offset,
            shared_folders=_folders(environment.get("CAPSULE_SHARED_FOLDERS", "")),
            readable_folders=_folders(environment.get("CAPSULE_READABLE_FOLDERS", "")),
            amqp_url=environment.get("CAPSULE_AMQP_URL", f"amqp://guest:guest@{LOOPBACK}:{7010 + offset}/%2F"),
            egress_allow=parse_allowed_networks(environment.get("CAPSULE_EGRESS_ALLOW", "")),
            allows_dockerfiles=_is_on("CAPSULE_DOCKERFILE_BUILDS", environment.get("CAPSULE_DOCKERFILE_BUILDS", "on")),
            health_check_key=require_key(key) if (key := environment.get("CAPSULE_HEALTH_CHECK_KEY", "")) else "",
            preload_modules=tuple(filter(None, environment.get("CAPSULE_PRELOAD_MODULES", "").split(","))),
        )


def _is_on(name: str, text: str) -> bool:
    """Raises ValueError."""
    if text not in ("on", "off"):
        raise ValueError(f"{name} is {text!r}; it must be on or off")
    return text == "on"


def _folders(text: str) -> tuple[Path, ...]:
    return tuple(Path(each) for each in text.split(os.pathsep) if each)
