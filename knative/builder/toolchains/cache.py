"""Toolchains in the build cache of an application: one folder for each version, complete or not there."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from knative.builder.toolchains.versions import VersionRange, release

COMPLETE = ".complete"
"""An installation without this file was interrupted."""
FRESH_SECONDS = 24 * 3600.0
"""How long a range of versions is satisfied from the cache before the index is read again."""


class ToolchainCache:
    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, name: str, version: str) -> Path:
        return self._root / f"{name}-{''.join(each if each.isalnum() or each == '.' else '_' for each in version)}"

    def newest(self, name: str, allowed: VersionRange) -> str | None:
        """Return the newest version here that satisfies a range. An exact version is always current, a range for FRESH_SECONDS."""
        versions = []
        for path in self._root.glob(f"{name}-*"):
            version = path.name.removeprefix(f"{name}-")
            is_exact = release(version) == release(allowed.text)
            if (path / COMPLETE).exists() and (is_exact or time.time() - (path / COMPLETE).stat().st_mtime < FRESH_SECONDS):
                versions.append(version)
        return allowed.newest(versions)

    def install(self, name: str, version: str, install: Callable[[Path], object]) -> Path:
        """Return the folder of a version, installed at most once. A failed installation leaves nothing behind."""
        folder = self.folder(name, version)
        if (folder / COMPLETE).exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        try:
            install(folder)
            (folder / COMPLETE).touch()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder
