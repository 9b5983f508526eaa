"""What a build is told, read once from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

MIB = 1024 * 1024

PLACES = frozenset(
    {
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "PIP_CERT",
        "NODE_EXTRA_CA_CERTS",
        "NPM_CONFIG_CAFILE",
    }
)
SEVERAL_PLACES = frozenset({"PIP_FIND_LINKS", "UV_FIND_LINKS"})
"""Variables that name files and folders of the operator's machine: a build in its sandbox may not have them, and git and uv fail on what is not
there."""


@dataclass(frozen=True, slots=True)
class Parameters:
    repository: str
    ref: str
    application: str
    image: str
    hosts: frozenset[str]
    environment: Mapping[str, str]
    """What installers may see."""
    base: str
    """The application's folder in the repository."""
    workspace: Path
    cache: Path
    """Kept between the builds of one application, where there is such a folder."""
    termination_log: Path
    source_bytes: int
    image_bytes: int
    cache_bytes: int
    seconds: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        root = Path(environment.get("CAPSULE_ROOT", "/"))
        names = environment.get("BUILD_ENVIRONMENT", "").split()
        return cls(
            repository=environment["REPOSITORY"],
            ref=environment.get("REF", ""),
            application=environment.get("APPLICATION", ""),
            image=environment["IMAGE"],
            hosts=frozenset(environment.get("REPOSITORY_HOSTS", "").split()),
            environment=usable({name: environment[name] for name in names if name in environment}),
            base=environment.get("BASE_DIRECTORY", "").strip().strip("/"),
            cache=root / environment.get("CACHE", "/cache").lstrip("/"),
            workspace=root / environment.get("WORKSPACE", "/workspace").lstrip("/"),
            termination_log=root / environment.get("TERMINATION_LOG", "/dev/termination-log").lstrip("/"),
            source_bytes=int(environment.get("LIMIT_SOURCE_MIB", "256")) * MIB,
            image_bytes=int(environment.get("LIMIT_IMAGE_MIB", "1024")) * MIB,
            cache_bytes=int(environment.get("LIMIT_CACHE_MIB", "1024")) * MIB,
            seconds=float(environment.get("LIMIT_SECONDS", "600")),
        )


def usable(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the files and folders that cannot be seen from here."""
    found = {}
    for name, value in environment.items():
        words = value.replace(",", " ").split() if name in SEVERAL_PLACES else [value]
        seen = [word for word in words if "://" in word or Path(word).exists()] if name in PLACES | SEVERAL_PLACES else words
        if seen:
            found[name] = " ".join(seen)
    return found
