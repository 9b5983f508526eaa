"""The settings of an application: what its builds read, and how a release starts.

Each is optional. A setting takes precedence over `capsule.toml`, which takes precedence over `Procfile` and `app.json`,
which take precedence over what the builder detects.
"""

import re
import shlex
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from functions.deploy.domain.names import Ref
from functions.deploy.domain.rejections import InvalidRef, InvalidSettings
from functions.kernel import FieldError

MAX_COMMAND_LENGTH = 1000
MAX_DIRECTORY_LENGTH = 200
HEALTH_PATH = re.compile(r"/[!-~]{0,199}")
RESERVED_PORTS = frozenset({8008, 8012, 8013, 8022, 9090, 9091})
"""Of Knative's own containers beside the application (serving, pkg/apis/serving/k8s_validation.go)."""
COMMAND = re.compile(r"[^\x00-\x1f\x7f]*")


class Builder(StrEnum):
    """How a repository becomes an image."""

    AUTO = "auto"
    """By language; the Dockerfile if no language is recognized."""
    NATIVE = "native"
    DOCKERFILE = "dockerfile"
    BUILDPACK = "buildpack"


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """Raises InvalidSettings with every fault."""

    branch: str | None = None
    """What a deployment without a ref deploys. None: the repository's default branch."""
    directory: str | None = None
    """Folder of the application in the repository. None: the root."""
    builder: Builder = Builder.AUTO
    build_command: str | None = None
    """Runs in the build after the dependencies are installed, instead of the detected command."""
    start_command: str | None = None
    """Starts the application, instead of the Procfile's `web:` line or the detected command."""
    release_command: str | None = None
    """Runs before a release takes traffic. None: the `release:` line of the repository's Procfile."""
    health_path: str | None = None
    """HTTP path that answers 2xx or 3xx when an instance is healthy."""
    port: int | None = None
    """The port that the application listens on; it finds the number in PORT. None: that of capsule.toml or the image, else 8080."""
    waking_page: bool = False
    """Whether a browser that waits for the first instance gets a page that loads itself again. False: its request waits, as every other does."""

    def __post_init__(self) -> None:
        errors = [*self._branch_faults(), *self._directory_faults(), *self._command_faults()]
        if self.health_path is not None and not HEALTH_PATH.fullmatch(self.health_path):
            errors.append(FieldError("/healthPath", f'health path "{self.health_path}": start with "/", no spaces, at most 200 characters'))
        if self.port is not None and not is_port(self.port):
            reserved = ", ".join(str(each) for each in sorted(RESERVED_PORTS))
            errors.append(FieldError("/port", f"port {self.port}: use a number from 1 to 65535, but none of {reserved}, which the platform uses"))
        if errors:
            raise InvalidSettings.of(errors)

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """Create settings from what a user typed: `./api/` is the directory `api`. Raises InvalidSettings."""
        if (directory := fields.get("directory")) is not None:
            fields["directory"] = "/".join(part for part in directory.split("/") if part != ".").rstrip("/") or None
        if (builder := fields.get("builder")) is not None:
            fields["builder"] = Builder(builder)
        else:
            fields.pop("builder", None)
        if fields.get("waking_page") is None:
            fields.pop("waking_page", None)
        return cls(**fields)

    def of_image(self) -> Self:
        """Return the settings that an application with an image keeps: those that a build from source reads are cleared."""
        return replace(self, branch=None, directory=None, builder=Builder.AUTO, build_command=None)

    def check_release_command(self) -> None:
        """Refuse a command that a build would refuse: its line in the image is longer by `exec` and the change to the base directory.

        Not part of every value: former releases have stored longer ones. Raises InvalidSettings.
        """
        prefix = f"cd {shlex.quote(self.directory)} && exec " if self.directory else "exec "
        limit = MAX_COMMAND_LENGTH - len(prefix)
        if self.release_command is not None and len(self.release_command) > limit:
            detail = f"release command: use 1–{limit} characters, or put it into a script of the repository and name the script"
            raise InvalidSettings.of([FieldError("/releaseCommand", detail)])

    def _branch_faults(self) -> list[FieldError]:
        try:
            if self.branch is not None:
                Ref(self.branch)
        except InvalidRef as invalid:
            return [FieldError("/branch", each.detail) for each in invalid.errors]
        return []

    def _directory_faults(self) -> list[FieldError]:
        if self.directory is None:
            return []
        if len(self.directory) > MAX_DIRECTORY_LENGTH:
            return [FieldError("/directory", f"directory: use at most {MAX_DIRECTORY_LENGTH} characters")]
        parts = self.directory.split("/")
        if ".." in parts or "" in parts or re.search(r"[\x00-\x1f\x7f\\]", self.directory):
            return [FieldError("/directory", f'directory "{self.directory}": use a folder of the repository, such as services/api')]
        return []

    def _command_faults(self) -> list[FieldError]:
        commands = {
            "build": ("/buildCommand", self.build_command),
            "start": ("/startCommand", self.start_command),
            "release": ("/releaseCommand", self.release_command),
        }
        return [
            FieldError(pointer, f"{name} command: use one line of 1–{MAX_COMMAND_LENGTH} characters")
            for name, (pointer, command) in commands.items()
            if command is not None and not (command.strip() and len(command) <= MAX_COMMAND_LENGTH and COMMAND.fullmatch(command))
        ]


def is_port(number: int) -> bool:
    """Whether an application may listen on this port."""
    return 0 < number < 1 << 16 and number not in RESERVED_PORTS


def read_port(text: str) -> int | None:
    """Read the port of a build's report. None: it names none that an application may have."""
    return int(text) if re.fullmatch(r"[1-9]\d{0,4}", text) and is_port(int(text)) else None
