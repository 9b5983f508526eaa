"""buildah's configuration files for one build: registries, mirrors, credentials, signature policy.

REGISTRY_MIRROR    an operator's setting (CAPSULE_BUILD_REGISTRY_MIRROR): URLs of mirrors, separated by spaces; `registry=URL` for a
                   registry other than docker.io. The mirror is tried first, then the registry.
REGISTRY_USERNAME  of the application's environment: credentials for a private registry; REGISTRY_PASSWORD belongs to it, and
                   REGISTRY_SERVER names the registry (default: that of the image, else docker.io)
"""

import base64
import ipaddress
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from knative.builder.failure import BUILD_FAILED, BuildFailure

DOCKER_HUB = "docker.io"
MIRROR = "REGISTRY_MIRROR"
USERNAME, PASSWORD, SERVER = "REGISTRY_USERNAME", "REGISTRY_PASSWORD", "REGISTRY_SERVER"
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
"""Images need no signature: a digest in the reference fixes the content (containers-policy.json(5))."""
CONTAINERS = """[containers]
default_capabilities = [
  "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""


@dataclass(frozen=True, slots=True)
class Files:
    registries: Path
    policy: Path
    containers: Path
    credentials: Path | None


def write_files(
    folder: Path, environment: Mapping[str, str], values: Mapping[str, str], private_hosts: Collection[str], reference: str = ""
) -> Files:
    """Write the files of a build.

    `environment`: the operator's variables. `values`: the application's. `private_hosts`: `host` or `host:port` that
    builds may reach. Raises BuildFailure.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = Files(folder / "registries.conf", folder / "policy.json", folder / "containers.conf", _credentials(folder, values, reference))
    files.registries.write_text(registries(environment.get(MIRROR, ""), private_hosts))
    files.policy.write_text(json.dumps(POLICY))
    files.containers.write_text(CONTAINERS)
    return files


def registries(mirrors: str, private_hosts: Iterable[str]) -> str:
    """Return registries.conf (containers-registries.conf(5)). Raises BuildFailure for a mirror that is not a URL."""
    sections: dict[str, list[str]] = {}
    for word in mirrors.split():
        name, _, url = word.rpartition("=")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BuildFailure(BUILD_FAILED, f"The operator's setting {MIRROR} contains {word!r}, which is not an http or https URL.")
        lines = ["[[registry.mirror]]", f"location = {json.dumps(parts.netloc + parts.path.rstrip('/'))}"]
        sections.setdefault(name or DOCKER_HUB, []).extend([*lines, *(["insecure = true"] if parts.scheme == "http" else [])])
    text = [f'unqualified-search-registries = ["{DOCKER_HUB}"]', 'short-name-mode = "disabled"']
    for name, lines in sections.items():
        text += ["[[registry]]", f"prefix = {json.dumps(name)}", f"location = {json.dumps(name)}", *lines]
    for host in sorted(set(private_hosts) - sections.keys()):
        if is_loopback(host):
            text += ["[[registry]]", f"location = {json.dumps(host)}", "insecure = true"]
    return "\n".join([*text, ""])


def is_loopback(host: str) -> bool:
    """`host` or `host:port` of this machine, which speaks plain HTTP as for Docker."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def registry_of(reference: str) -> str:
    """Return the registry of an image reference: docker.io for one without a host."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DOCKER_HUB


def _credentials(folder: Path, values: Mapping[str, str], reference: str) -> Path | None:
    """Write containers-auth.json(5), if the application has credentials. Raises BuildFailure."""
    if not (user := values.get(USERNAME)):
        return None
    if PASSWORD not in values:
        raise BuildFailure(BUILD_FAILED, f"{USERNAME} is set without {PASSWORD}: set the registry's password or access token as a secret.")
    server = values.get(SERVER) or (registry_of(reference) if reference else DOCKER_HUB)
    entry = base64.b64encode(f"{user}:{values[PASSWORD]}".encode()).decode()
    file = folder / "auth.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"auths": {server.removeprefix("https://").removeprefix("http://").rstrip("/"): {"auth": entry}}}))
    return file
