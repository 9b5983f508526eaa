"""Settings: environment variables, and files mounted from Secrets and ConfigMaps.

A file is read again when it has changed, so keys rotate without a redeploy. On one machine a process has no mount namespace of
its own; there its mounts are below `CAPSULE_ROOT`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from functions.runtime.config.variables import ROOT
from functions.wire.settings import MissingSetting, Setting, check

T = TypeVar("T")


class Settings:
    """`environment`: default os.environ."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._files: dict[Path, tuple[int, bytes]] = {}
        self._paths: dict[str, Path] = {}

    def value(self, setting: Setting[T]) -> T:
        """Return the value of a declared variable. Raises MissingSetting and InvalidSetting."""
        return setting.read(self._environment)

    def check(self, settings: Iterable[Setting[object]]) -> None:
        """Check the settings that are set. Raises InvalidSetting with one line for each that is not allowed."""
        check(settings, self._environment)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable of another program, or `default` if it is unset or empty. Raises MissingSetting without a default."""
        value = self._environment.get(name) or default
        if value is None:
            raise MissingSetting(f"environment variable {name} is not set; the Service's manifest sets it")
        return value

    def path(self, mounted: str) -> Path:
        """Return where the mount with this absolute path is."""
        return self.value(ROOT) / mounted.lstrip("/")

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
