"""Settings: environment variables, and files mounted from Secrets and ConfigMaps.

A file is read again when it has changed, so keys rotate without a redeploy. On one machine a process has no mount namespace of
its own; there its mounts are below `CAPSULE_ROOT`.
"""

import os
from collections.abc import Mapping
from pathlib import Path


class MissingSetting(Exception):
    """A required setting is missing. The text names it and where it comes from."""


class InvalidSetting(Exception):
    """A setting has a value that cannot be used. The text names it, its value and a good one."""


class Settings:
    """`environment`: default os.environ."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._files: dict[Path, tuple[int, bytes]] = {}
        self._paths: dict[str, Path] = {}

    def text(self, name: str, default: str | None = None) -> str:
        """Return an environment variable, or `default` if it is unset or empty. Raises MissingSetting without a default."""
        value = self._environment.get(name) or default
        if value is None:
            raise MissingSetting(f"environment variable {name} is not set; the Service's manifest sets it")
        return value

    def path(self, mounted: str) -> Path:
        """Return where the mount with this absolute path is."""
        return Path(self._environment.get("CAPSULE_ROOT", "/")) / mounted.lstrip("/")

    def has_file(self, mounted: str) -> bool:
        return self.path(mounted).is_file()

    def file(self, mounted: str) -> bytes:
        """Return the content of a mounted file. Raises MissingSetting if there is none."""
        path = self._paths.get(mounted) or self._paths.setdefault(mounted, self.path(mounted))  # cached: called for every message
        try:
            modified_ns = os.stat(path).st_mtime_ns
            cached = self._files.get(path)
            if cached is None or cached[0] != modified_ns:
                cached = (modified_ns, path.read_bytes())
                self._files[path] = cached
        except FileNotFoundError:
            raise MissingSetting(f"{mounted} is not mounted; the Service's manifest mounts it from a Secret or ConfigMap") from None
        return cached[1]
