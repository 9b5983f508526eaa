"""The parameters of a build, read once from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from functions.runtime.config.variables import ROOT
from functions.wire.settings import Setting
from knative.builder import parameter_variables as variables
from knative.builder.planning.plan import BuildSettings

MIB = 1024 * 1024

PATH_VARIABLES = frozenset(
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
"""Variables that name one file or folder of the operator's machine."""

PATH_LIST_VARIABLES = frozenset({"PIP_FIND_LINKS", "UV_FIND_LINKS"})
"""Variables that name several files, folders or URLs."""


@dataclass(frozen=True, slots=True)
class Parameters:
    root: Path
    """The root of the build's mounts."""
    repository: str
    ref: str
    application: str
    image: str
    allowed_hosts: frozenset[str]
    environment: Mapping[str, str]
    """The variables that installers see."""
    base_directory: str
    """The application's folder in the repository."""
    workspace: Path
    credentials: Path
    """The mounted credentials of the repository, in the clone's container only."""
    clone_folder: Path
    """A folder of the clone's container alone, for its copies of the credentials."""
    cache: Path
    """Kept between the builds of one application, if the folder exists."""
    termination_log: Path
    source_bytes: int
    image_bytes: int
    root_image_bytes: int
    """Of an image with a root file system of its own."""
    cache_bytes: int
    timeout_seconds: float
    builder: str = ""
    """auto, native, dockerfile or buildpack; empty: auto."""
    start_command: str = ""
    build_command: str = ""
    release_command: str = ""
    image_reference: str = ""
    """The image that the application runs, instead of a repository."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Raises MissingSetting and InvalidSetting."""
        root = ROOT.read(environment)
        names = variables.BUILD_ENVIRONMENT.read(environment)

        def below_root(setting: Setting[str]) -> Path:
            return root / setting.read(environment).lstrip("/")

        return cls(
            root=root,
            repository=variables.REPOSITORY.read(environment),
            ref=variables.REF.read(environment),
            application=variables.APPLICATION.read(environment),
            image=variables.IMAGE.read(environment),
            allowed_hosts=frozenset(variables.REPOSITORY_HOSTS.read(environment)),
            environment=without_missing_paths({name: environment[name] for name in names if name in environment}),
            base_directory=variables.BASE_DIRECTORY.read(environment).strip().strip("/"),
            cache=below_root(variables.CACHE),
            workspace=below_root(variables.WORKSPACE),
            credentials=root / "run/capsule/repository",
            clone_folder=below_root(variables.CLONE_FOLDER),
            termination_log=below_root(variables.TERMINATION_LOG),
            source_bytes=variables.SOURCE_MIB.read(environment) * MIB,
            image_bytes=variables.IMAGE_MIB.read(environment) * MIB,
            root_image_bytes=variables.ROOT_IMAGE_MIB.read(environment) * MIB,
            cache_bytes=variables.CACHE_MIB.read(environment) * MIB,
            timeout_seconds=variables.SECONDS.read(environment),
            builder=variables.BUILDER.read(environment),
            start_command=variables.START_COMMAND.read(environment),
            build_command=variables.BUILD_COMMAND.read(environment),
            release_command=variables.RELEASE_COMMAND.read(environment),
            image_reference=variables.IMAGE_REFERENCE.read(environment).strip(),
        )

    @property
    def settings(self) -> BuildSettings:
        """Return what the application's owner set, for the plan."""
        return BuildSettings(self.base_directory, self.builder, self.build_command, self.start_command, self.release_command)


def without_missing_paths(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without paths that do not exist in the build's sandbox: git and uv fail on them."""
    existing = {}
    for name, value in environment.items():
        entries = value.replace(",", " ").split() if name in PATH_LIST_VARIABLES else [value]
        if name in PATH_VARIABLES | PATH_LIST_VARIABLES:
            entries = [entry for entry in entries if "://" in entry or Path(entry).exists()]
        if entries:
            existing[name] = " ".join(entries)
    return existing
