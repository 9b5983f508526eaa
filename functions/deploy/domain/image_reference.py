"""References of images, such as `ghcr.io/ada/shop:1.4`, for applications without a repository.

Source of the grammar: OCI distribution specification, "Pulling manifests", and the reference grammar of Docker, which
adds `docker.io` and `library/`.
"""

import re
from dataclasses import dataclass

from functions.deploy.domain.rejections import InvalidImage, RepositoryNotAllowed
from functions.deploy.domain.repository import RepositoryPolicy
from functions.kernel import FieldError
from functions.wire.addresses import is_listed, is_public_host

MAX_LENGTH = 400
HOST = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?")
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
DEFAULT_REGISTRY = "docker.io"
DEFAULT_PORT = 443
MIN_DOCKER_HUB_NAME = 2
"""docs.docker.com/docker-hub/repos/create: "between 2 and 255 characters". Other registries may have shorter ones."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    text: str
    """As the user wrote it."""
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Raises InvalidImage."""
        if len(text) > MAX_LENGTH:
            raise _invalid(text[:40] + "…", f"it has more than {MAX_LENGTH} characters")
        if "://" in text:
            raise _invalid(text, "leave out the scheme")
        name, _, digest = text.partition("@")
        if digest and not DIGEST.fullmatch(digest):
            raise _invalid(text, "a digest is sha256: and 64 hexadecimal digits")
        first, slash, rest = name.partition("/")
        has_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
        registry = HOST.fullmatch(first) if has_registry else None
        if has_registry and (registry is None or int(registry["port"] or DEFAULT_PORT) > 65535):
            raise _invalid(text, f'"{first}" is not a registry')
        path, colon, tag = (rest if has_registry else name).partition(":")
        if not NAME.fullmatch(path):
            raise _invalid(text, "names have lower-case letters and digits")
        if colon and not TAG.fullmatch(tag):
            raise _invalid(text, f'"{tag}" is not a tag')
        if registry is None and len(path.rpartition("/")[2]) < MIN_DOCKER_HUB_NAME:
            raise _invalid(text, f"names at Docker Hub have at least {MIN_DOCKER_HUB_NAME} characters")
        if registry is None:
            return cls(text, DEFAULT_REGISTRY, DEFAULT_PORT)
        return cls(text, registry["host"].lower(), int(registry["port"] or DEFAULT_PORT))


def admit_image(text: str, policy: RepositoryPolicy) -> ImageReference:
    """Parse a reference and check its registry. Raises InvalidImage, RepositoryNotAllowed."""
    reference = ImageReference.parse(text)
    if not is_listed(reference.host, reference.port, policy.allowed_hosts) and not is_public_host(reference.host):
        detail = f"{reference.host} is a private address. An operator can allow it with CAPSULE_REPOSITORY_HOSTS"
        raise RepositoryNotAllowed(f"{detail}.", errors=[FieldError("/image", detail)])
    return reference


def _invalid(text: str, problem: str) -> InvalidImage:
    detail = f'"{text}" is not an image reference: {problem}; use a name such as ghcr.io/ada/shop:1.4'
    return InvalidImage(f"{detail}.", errors=[FieldError("/image", detail)])
