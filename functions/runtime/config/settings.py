"""Where a function reads what it is told: environment variables, and files that are mounted from Secrets and ConfigMaps.

Files are read again when they change, so that a key rotates without a redeploy. On one machine a process has no mount namespace of its own:
its mounts lie below `CAPSULE_ROOT`.
"""

import os
from collections.abc import Mapping
from pathlib import Path


class MissingSetting(Exception):
    """A setting without which this function cannot work. The text names it and says where it comes from."""


class Settings:
    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._files: dict[Path, tuple[int, bytes]] = {}
        self._paths: dict[str, Path] = {}

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name) or default
        if value is None:
            raise MissingSetting(f"the environment variable {name} is not set; a function gets it from its Service's manifest")
        return value

    def path(self, mounted: str) -> Path:
        """Where the mount at this absolute path really is."""
        return Path(self._environment.get("CAPSULE_ROOT", "/")) / mounted.lstrip("/")

    def has_file(self, mounted: str) -> bool:
        return self.path(mounted).is_file()

    def file(self, mounted: str) -> bytes:
        """The content of a mounted file. Raises MissingSetting if there is none."""
        path = self._paths.get(mounted) or self._paths.setdefault(mounted, self.path(mounted))  # asked for with every message
        try:
            changed = os.stat(path).st_mtime_ns
            known = self._files.get(path)
            if known is None or known[0] != changed:
                known = (changed, path.read_bytes())
                self._files[path] = known
        except FileNotFoundError:
            raise MissingSetting(f"{mounted} is not mounted; a function gets it from a Secret or ConfigMap of its Service's manifest") from None
        return known[1]
