"""Each kind of repository is built and started. It has a dependency from the registry, and serves a nonce that is new with each test."""

import json
import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uv

from tests.builder.conftest import Outcome
from tests.builder.repositories import Repositories, git
from tests.builder.running import get, running
from tests.proof import proof

Build = Callable[..., Outcome]

PYTHON = """
import http.server, os
import itsdangerous
from nonce import NONCE
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(itsdangerous.Signer("key").unsign(itsdangerous.Signer("key").sign(NONCE)))
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
NODE = """
const ms = require('ms')
require('http').createServer((request, response) => response.end(require('./nonce.json') + ' ' + ms('2 days'))).listen(process.env.PORT, '127.0.0.1')
"""
BUILD = "const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', require('./nonce.json') + ' ' + require('ms')('2 days'))"


def package(**more: object) -> str:
    return json.dumps({"name": "fixture", "version": "1.0.0", "private": True, **more})


def build_and_get(build: Build, tmp_path: Path, url: str, expected: str, kind: str, **more: str) -> Outcome:
    outcome = build(url, **more)
    assert outcome.code == 0, outcome.log
    assert outcome.message["kind"] == kind
    with running(outcome, tmp_path / "store") as address:
        assert get(address) == expected
    return outcome


def uv_lock(folder: Path) -> None:
    subprocess.run([uv.find_uv_bin(), "lock", "-q", "--no-config"], cwd=folder, check=True)


@pytest.fixture
def nonce() -> str:
    return secrets.token_hex(8)


PYPROJECT = '[project]\nname = "fixture"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["itsdangerous"]\n'
POETRY = '[tool.poetry]\nname = "fixture"\nversion = "1"\npackage-mode = false\n[tool.poetry.dependencies]\npython = "^3.11"\nitsdangerous = "^2.2"\n'


def test_python_by_requirements(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.create("requirements")
    files = {"requirements.txt": "itsdangerous\n", "main.py": PYTHON, "Dockerfile": "FROM scratch\n"}
    repository.commit({**files, "nonce.py": "NONCE = 'old'"})
    repository.commit({**files, "nonce.py": f"NONCE = {nonce!r}"})
    outcome = build_and_get(build, tmp_path, repository.url, nonce, "python")
    assert "notice: Dockerfile ignored; building as python" in outcome.log


@proof("repositories")
def test_python_by_uv_lock_in_a_base_directory(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.create("uv")
    folder = tmp_path / "lock"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    uv_lock(folder)
    files = {"pyproject.toml": PYPROJECT, "uv.lock": (folder / "uv.lock").read_text(), "main.py": PYTHON, "nonce.py": f"NONCE = {nonce!r}"}
    repository.commit({"README.md": "several", **{f"services/web/{name}": text for name, text in files.items()}})
    outcome = build_and_get(build, tmp_path, repository.url, nonce, "python", BASE_DIRECTORY="services/web/")
    assert "uv.lock" in outcome.log


@pytest.mark.parametrize("base", ["none", "../..", ".git", "README.md"])
def test_a_missing_base_directory(repositories: Repositories, build: Build, base: str) -> None:
    repository = repositories.create("base")
    repository.commit({"README.md": "", "web/index.html": "1"})
    outcome = build(repository.url, BASE_DIRECTORY=base)
    assert outcome.message["reason"] == "not-recognized" and "web" in outcome.message["detail"], outcome.message


def test_a_likely_base_directory_is_suggested(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("folder")
    repository.commit({"README.md": "", "web/package.json": package()})
    outcome = build(repository.url)
    assert outcome.message["reason"] == "not-recognized" and "base directory: web" in outcome.message["detail"], outcome.message


def npm_lock(folder: Path, manifest: str, call: tuple[str, ...]) -> Mapping[str, str]:
    """Return the lock file that the package manager writes."""
    folder.mkdir()
    (folder / "package.json").write_text(manifest)
    subprocess.run([*call], cwd=folder, check=True, capture_output=True, env=None)
    names = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock")
    return {name: (folder / name).read_text() for name in names if (folder / name).exists()}


MANAGERS = {
    "npm": ("npm", "install", "--package-lock-only"),
    "pnpm": ("npm", "exec", "--yes", "--package=pnpm@10", "--", "pnpm", "install", "--lockfile-only"),
    "yarn": ("npm", "exec", "--yes", "--package=yarn@1", "--", "yarn", "install", "--non-interactive"),
}


@pytest.mark.parametrize("manager", ["npm", *(pytest.param(name, marks=proof("repositories")) for name in ("pnpm", "yarn"))])
def test_node_by_its_lock_file(repositories: Repositories, build: Build, tmp_path: Path, nonce: str, manager: str) -> None:
    repository = repositories.create(manager)
    manifest = package(dependencies={"ms": "2.1.3"}, scripts={"start": "node server.js"})
    lock = npm_lock(tmp_path / "lock", manifest, MANAGERS[manager])
    assert len(lock) == 1, lock.keys()
    repository.commit({"package.json": manifest, **lock, "server.js": NODE, "nonce.json": json.dumps(nonce)})
    outcome = build_and_get(build, tmp_path, repository.url, f"{nonce} 172800000", "node")
    assert f"Installing with {manager}" in outcome.log and "no lock file" not in outcome.log


@proof("repositories")
def test_a_static_site_with_a_build_script(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.create("site")
    manifest = package(devDependencies={"ms": "2.1.3"}, scripts={"build": "node build.js"})
    repository.commit({"package.json": manifest, "build.js": BUILD, "nonce.json": json.dumps(nonce), "secret.txt": "not served"})
    outcome = build_and_get(build, tmp_path, repository.url, f"{nonce} 172800000", "static")
    assert not list(outcome.image.rglob("secret.txt")), "only the build's result goes into the image"


def test_a_failed_script_reports_its_output(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("fails")
    manifest = package(scripts={"build": "node -e \"console.error('the flux is missing'); process.exit(3)\"", "start": "node server.js"})
    repository.commit({"package.json": manifest, "server.js": ""})
    outcome = build(repository.url)
    assert outcome.message["reason"] == "build-failed" and "the flux is missing" in outcome.message["detail"], outcome.message


@proof("repositories")
def test_development_dependencies_are_not_in_the_image(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.create("pruned")
    manifest = package(
        dependencies={"ms": "2.1.3"},
        devDependencies={"isarray": "2.0.5"},
        scripts={"build": "node -e \"require('isarray')\"", "start": "node server.js"},
    )
    repository.commit({"package.json": manifest, "server.js": NODE, "nonce.json": json.dumps(nonce)})
    outcome = build_and_get(build, tmp_path, repository.url, f"{nonce} 172800000", "node")
    assert not (outcome.image / "rootfs/node_modules/isarray").exists()
    assert "no lock file" in outcome.log


@proof("repositories")
def test_a_second_build_uses_the_cache(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("cached")
    repository.commit({"requirements.txt": "itsdangerous==2.2.0\n", "main.py": ""})
    cache = tmp_path / "cache"
    cache.mkdir()
    first = build(repository.url, CACHE="/../cache")
    assert first.code == 0, first.log
    unreachable = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/", "UV_OFFLINE": "1", "BUILD_ENVIRONMENT": "UV_DEFAULT_INDEX UV_OFFLINE"}
    assert build(repository.url, **unreachable).code == 1, "the registry is reachable, so the test proves nothing"
    repeat = build(repository.url, CACHE="/../cache", UV_OFFLINE="1", BUILD_ENVIRONMENT="UV_OFFLINE")
    assert repeat.code == 0, repeat.log
    cleared = build(repository.url, CACHE="/../cache", LIMIT_CACHE_MIB="0")
    assert cleared.code == 0 and "cache exceeded its size limit and was cleared" in cleared.log


def test_submodules_are_cloned_at_their_recorded_commits(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    inner, outer = repositories.create("inner"), repositories.create("outer")
    inner.commit({"index.html": nonce})
    outer.commit({"README.md": ""})
    git(outer.work, "-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.url, "site")
    git(outer.work, "config", "-f", ".gitmodules", "submodule.site.url", "../inner.git")
    git(outer.work, "commit", "-q", "-a", "-m", "with a submodule")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    inner.commit({"index.html": "newer than the recorded commit"})
    build_and_get(build, tmp_path, outer.url, nonce, "static", BASE_DIRECTORY="site")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("git@no-such-host.invalid:a/b.git", 'Submodule site: Host "no-such-host.invalid" cannot be resolved'),
        ("http://169.254.169.254/latest", "private address"),
    ],
)
def test_a_submodule_at_a_forbidden_address_fails_the_build(repositories: Repositories, build: Build, url: str, words: str) -> None:
    inner, outer = repositories.create("inner"), repositories.create("outer")
    inner.commit({"index.html": ""})
    outer.commit({"README.md": ""})
    git(outer.work, "submodule", "add", "-q", inner.url, "site")
    git(outer.work, "config", "-f", ".gitmodules", "submodule.site.url", url)
    git(outer.work, "commit", "-q", "-a", "-m", "with a submodule")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    outcome = build(outer.url)
    assert outcome.message["reason"] == "repository-not-found" and words in outcome.message["detail"], outcome.message
