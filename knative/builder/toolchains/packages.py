"""Install toolchains from the package indexes that the operator lets builds use: npm's registry and PyPI."""

import json
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import uv

from knative.builder.execution import CommandFailed, Limits, Shell
from knative.builder.mirrors import node_settings, uv_settings
from knative.builder.toolchains.machine import Found

ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
NPM_OF_NODE = {
    0: "2", 1: "2", 2: "2", 3: "2", 4: "2", 5: "3", 6: "3", 7: "4", 8: "6", 9: "6", 10: "6", 11: "6", 12: "6", 13: "6", 14: "6", 15: "7", 16: "8",
    17: "8", 18: "10", 19: "9", 20: "10", 21: "10", 22: "10", 23: "10",
}  # fmt: skip
"""Major of Node.js → major of the npm that it comes with (https://nodejs.org/dist/index.json); 11 since Node.js 24."""
DEFAULT_NPM = "11"


class PackageIndexes(Protocol):
    """Versions of packages, and their installation into a folder. Methods raise CommandFailed when the index refuses."""

    def npm_versions(self, package: str) -> Sequence[str]: ...

    def install_npm(self, folder: Path, packages: Sequence[str]) -> None:
        """Install into `folder`/node_modules."""

    def install_pypi(self, folder: Path, packages: Sequence[str]) -> None:
        """Install into a folder of modules."""

    def install_pypi_tool(self, folder: Path, packages: Sequence[str]) -> None:
        """Install into a virtual environment."""

    def newest_pypi(self, package: str) -> str:
        """Return the newest version of a package, empty if the index has none."""

    def python_versions(self) -> Sequence[Found]:
        """Return this machine's interpreters, the default first, and the versions that can be downloaded (without `home`)."""

    def install_python(self, folder: Path, version: str) -> Path:
        """Download a Python interpreter below `folder` and return its own folder."""


class ClientPackageIndexes:
    """Uses the machine's npm, and uv."""

    def __init__(self, shell: Shell, limits: Limits, cache: Path) -> None:
        self._shell, self._limits, self._cache = shell, limits, cache

    def npm_versions(self, package: str) -> Sequence[str]:
        found = json.loads("\n".join(self._npm("view", package, "versions", "--json")) or "[]")
        return [found] if isinstance(found, str) else found

    def install_npm(self, folder: Path, packages: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        self._npm("install", "--prefix", str(folder), "--no-save", "--no-package-lock", *packages)

    def install_pypi(self, folder: Path, packages: Sequence[str]) -> None:
        self._uv("pip", "install", "--target", str(folder), "--no-deps", "--only-binary", ":all:", *packages)

    def install_pypi_tool(self, folder: Path, packages: Sequence[str]) -> None:
        self._uv("venv", "--no-project", str(folder))
        self._uv("pip", "install", "--python", str(folder / "bin" / "python"), *packages)

    def newest_pypi(self, package: str) -> str:
        folder = self._shell.home / "newest"
        try:
            lines = self._uv("pip", "install", "--dry-run", "--target", str(folder), "--no-deps", "--only-binary", ":all:", package)
        except CommandFailed:
            return ""
        return next((line.rpartition("==")[2].strip() for line in lines if f"{package}==" in line), "")

    def python_versions(self) -> Sequence[Found]:
        default = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        own = Found(platform.python_version(), home=default)
        are_downloads_off = self._shell.environment.get("UV_PYTHON_DOWNLOADS", "").lower() in ("never", "false", "0")
        only = ("--only-installed",) if are_downloads_off else ("--all-versions",)
        entries = json.loads("\n".join(self._uv("python", "list", *only, "--output-format", "json", UV_PYTHON_DOWNLOADS="automatic")))
        found = [own]
        for each in entries:
            path = each["path"] and Path(each["path"])
            is_plain = each["implementation"] == "cpython" and each.get("variant", "default") == "default"
            if is_plain and (path is None or str(path).startswith("/usr/")) and re.fullmatch(r"[\d.]+", each["version"]):
                found.append(Found(each["version"], home=path))
        return found

    def install_python(self, folder: Path, version: str) -> Path:
        variables = {"UV_PYTHON_DOWNLOADS": "automatic", "UV_HTTP_RETRIES": self._shell.environment.get("UV_HTTP_RETRIES", "1")}
        self._uv("python", "install", "--install-dir", str(folder), "--no-bin", version, **variables)
        return next(path for path in sorted(folder.glob("cpython-*")) if (path / "bin" / "python3").exists() and not path.is_symlink())

    def _npm(self, *arguments: str) -> list[str]:
        variables = {**node_settings(self._shell.environment), "npm_config_cache": str(self._shell.home / "npm"), "npm_config_loglevel": "error"}
        return self._run(["npm", *arguments], variables)

    def _uv(self, *arguments: str, **variables: str) -> list[str]:
        settings = {**uv_settings(self._shell.environment), "UV_CACHE_DIR": str(self._cache / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
        command = [uv.find_uv_bin(), "--no-config", "--no-progress", "--color", "never", *arguments]
        return self._run(command, {**settings, "UV_LINK_MODE": "copy", **variables})

    def _run(self, command: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        self._shell.home.mkdir(parents=True, exist_ok=True)
        return self._shell.run(command, cwd=self._shell.home, limits=self._limits, quiet=True, variables=variables)


def node_package() -> str:
    """Return the npm package with Node.js for this machine's processor."""
    return f"node-linux-{ARCHITECTURES.get(platform.machine(), platform.machine())}"


def arrange_node(folder: Path) -> None:
    """Give an npm installation of Node.js and npm the layout of a Node.js release: bin/, include/, lib/node_modules/npm.

    The packages of Node.js 4.1 and older hold the archive of a release. Raises: CommandFailed if the package has no program `node`.
    """
    modules = folder / "node_modules"
    package = modules / node_package()
    if archive := next(package.glob("node-v*.tar.gz"), None):
        shutil.unpack_archive(archive, package / "unpacked")
        package = next((package / "unpacked").iterdir())
    for name in ("bin", "include"):
        if (package / name).is_dir():
            (package / name).rename(folder / name)
    if not (folder / "bin" / "node").is_file():
        raise CommandFailed(1, [f"The npm package {node_package()} of this version has no program."])
    (folder / "lib" / "node_modules").mkdir(parents=True)
    (modules / "npm").rename(folder / "lib" / "node_modules" / "npm")
    for program in ("npm", "npx"):
        script = f"lib/node_modules/npm/bin/{program}-cli.js"
        (folder / "bin" / program).unlink(missing_ok=True)
        if (folder / script).exists():  # npx came with npm 5.2
            (folder / "bin" / program).symlink_to(f"../{script}")
            (folder / script).chmod(0o755)
    (folder / "bin" / "node").chmod(0o755)
    shutil.rmtree(modules)
