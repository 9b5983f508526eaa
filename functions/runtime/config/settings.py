"""Settings: environment variables, and files mounted from Secrets and ConfigMaps.

A file is read again when it has changed, so keys and credentials rotate without a redeploy: credentials (addresses with a
password, keys that are shared with another party) are mounted at CREDENTIALS, in files with the names of their variables. On one
machine a process has no mount namespace of its own; there its mounts are below `CAPSULE_ROOT`.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from functions.runtime.config.variables import ROOT
from functions.wire.settings import MissingSetting, Setting, check

T = TypeVar("T")

CREDENTIALS = "/etc/capsule/credentials"


class Settings:
    """`environment`: default os.environ."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._files: dict[Path, tuple[int, bytes]] = {}
        self._paths: dict[str, Path] = {}

    def value(self, setting: Setting[T]) -> T:
        """Return the value of a declared variable. A secret comes from its mounted file, if there is one: ask again at each use.

        Raises MissingSetting and InvalidSetting.
        """
        if setting.is_secret:
            with suppress(MissingSetting):
                return setting.read({setting.name: self.file(f"{CREDENTIALS}/{setting.name}").decode()})
        return setting.read(self._environment)

    def following(self, setting: Setting[T]) -> Callable[[], T]:
        """Return a function that returns the present value. Raises MissingSetting and InvalidSetting at once if there is none."""
        self.value(setting)
        return lambda: self.value(setting)

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

    def file(self, mounted: str) -> bytes:
        """Return the content of a mounted file. Raises MissingSetting if there is none."""
        path = self._paths.get(mounted) or self._paths.setdefault(mounted, self.path(mounted))  # cached: called for every message
        for _ in range(2):  # again: the kubelet deletes the former version of a volume while its path may be being resolved
            with suppress(FileNotFoundError):
                modified_ns = os.stat(path).st_mtime_ns
                cached = self._files.get(path)
                if cached is None or cached[0] != modified_ns:
                    cached = self._files[path] = (modified_ns, path.read_bytes())
                return cached[1]
        raise MissingSetting(f"{mounted} is not mounted; the Service's manifest mounts it from a Secret or ConfigMap")
