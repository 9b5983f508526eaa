"""The variables of the environment that a deployment builds for: files that the platform mounts, one for each variable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = "run/capsule/build"
VARIABLES, SECRETS = "variables", "secrets"


@dataclass(frozen=True, slots=True)
class BuildVariables:
    """Name → value."""

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Never logged: the log shows `***` in their place."""

    @property
    def values(self) -> dict[str, str]:
        return {**self.variables, **self.secrets}


def read_variables(root: Path) -> BuildVariables:
    """Read the mounted variables below `root`. A missing folder has none."""
    return BuildVariables(_read(root / FOLDER / VARIABLES), _read(root / FOLDER / SECRETS))


def _read(folder: Path) -> dict[str, str]:
    """Names that begin with two dots belong to the volume itself."""
    if not folder.is_dir():
        return {}
    return {
        path.name: path.read_text(errors="surrogateescape") for path in sorted(folder.iterdir()) if not path.name.startswith("..") and path.is_file()
    }
