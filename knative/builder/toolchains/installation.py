"""What a resolved toolchain is: a version, where its programs are, and what of it a running application needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAMES = {
    "python": "Python", "node": "Node.js", "go": "Go", "ruby": "Ruby", "php": "PHP", "java": "Java", "npm": "npm", "pnpm": "pnpm",
    "yarn": "Yarn", "uv": "uv", "poetry": "Poetry", "pipenv": "Pipenv", "bundler": "Bundler", "composer": "Composer", "maven": "Maven",
    "gradle": "Gradle",
}  # fmt: skip
"""Toolchain → its name in messages."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One version of a toolchain, empty if no constraint needs it.

    `programs`: the folder to put on PATH; None: its programs are on the machine's PATH already.
    """

    name: str
    version: str
    programs: Path | None = None
    folder: Path | None = None
    """Its own folder in the build's cache; None: it belongs to the machine, which shows it to running applications too."""
    runtime: Sequence[str] = ()
    """Files and folders below `folder` that a running application needs."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that steps need to find it."""
    notice: str = ""

    def __str__(self) -> str:
        return f"{NAMES.get(self.name, self.name)} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class InstalledToolchains:
    """The toolchains of one build, in the order of its plan."""

    installations: tuple[Installation, ...]

    def find(self, name: str) -> Installation | None:
        return next((each for each in self.installations if each.name == name), None)

    @property
    def programs(self) -> tuple[Path, ...]:
        """Return the folders to put on PATH, the last toolchain of the plan first: a package manager wins over the one of its language."""
        return tuple(each.programs for each in reversed(self.installations) if each.programs)

    @property
    def variables(self) -> dict[str, str]:
        return {name: value for each in self.installations for name, value in each.variables.items()}
