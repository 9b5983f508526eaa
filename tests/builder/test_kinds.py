"""Each kind of repository, with a dependency from the registry and a nonce that did not exist before the test: built, started, answering it."""

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


def answers(build: Build, tmp_path: Path, url: str, expected: str, kind: str, **more: str) -> Outcome:
    outcome = build(url, **more)
    assert outcome.code == 0, outcome.log
    assert outcome.said["kind"] == kind
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
    repository = repositories.make("requirements")
    files = {"requirements.txt": "itsdangerous\n", "main.py": PYTHON, "Dockerfile": "FROM scratch\n"}
    repository.commit({**files, "nonce.py": "NONCE = 'old'"})
    repository.commit({**files, "nonce.py": f"NONCE = {nonce!r}"})
    outcome = answers(build, tmp_path, repository.url, nonce, "python")
    assert "notice: the Dockerfile is not used: this is python" in outcome.log


def test_python_by_uv_lock_and_in_a_base_directory(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.make("uv")
    folder = tmp_path / "lock"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    uv_lock(folder)
    files = {"pyproject.toml": PYPROJECT, "uv.lock": (folder / "uv.lock").read_text(), "main.py": PYTHON, "nonce.py": f"NONCE = {nonce!r}"}
    repository.commit({"README.md": "several", **{f"services/web/{name}": text for name, text in files.items()}})
    outcome = answers(build, tmp_path, repository.url, nonce, "python", BASE_DIRECTORY="services/web/")
    assert "Installing what uv.lock says" in outcome.log


@pytest.mark.parametrize("base", ["none", "../..", ".git", "README.md"])
def test_a_base_directory_that_is_none(repositories: Repositories, build: Build, base: str) -> None:
    repository = repositories.make("base")
    repository.commit({"README.md": "", "web/index.html": "1"})
    outcome = build(repository.url, BASE_DIRECTORY=base)
    assert outcome.said["reason"] == "not-recognized" and "web" in outcome.said["detail"], outcome.said


def test_a_folder_that_could_be_meant_is_named(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("folder")
    repository.commit({"README.md": "", "web/package.json": package()})
    outcome = build(repository.url)
    assert outcome.said["reason"] == "not-recognized" and "base directory: web" in outcome.said["detail"], outcome.said


def npm_lock(folder: Path, manifest: str, call: tuple[str, ...]) -> Mapping[str, str]:
    """The lock file as that package manager itself writes it."""
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


@pytest.mark.parametrize("manager", MANAGERS)
def test_node_by_its_lock_file(repositories: Repositories, build: Build, tmp_path: Path, nonce: str, manager: str) -> None:
    repository = repositories.make(manager)
    manifest = package(dependencies={"ms": "2.1.3"}, scripts={"start": "node server.js"})
    lock = npm_lock(tmp_path / "lock", manifest, MANAGERS[manager])
    assert len(lock) == 1, lock.keys()
    repository.commit({"package.json": manifest, **lock, "server.js": NODE, "nonce.json": json.dumps(nonce)})
    outcome = answers(build, tmp_path, repository.url, f"{nonce} 172800000", "node")
    assert f"Installing with {manager}" in outcome.log and "no lock file" not in outcome.log


def test_a_static_site_that_is_built(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.make("site")
    manifest = package(devDependencies={"ms": "2.1.3"}, scripts={"build": "node build.js", "start": "vite"})
    repository.commit({"package.json": manifest, "build.js": BUILD, "nonce.json": json.dumps(nonce), "secret.txt": "not served"})
    outcome = answers(build, tmp_path, repository.url, f"{nonce} 172800000", "static")
    assert not list(outcome.image.rglob("secret.txt")), "only what was built goes into the image"


def test_a_build_that_fails_says_what_its_script_said(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("fails")
    manifest = package(scripts={"build": "node -e \"console.error('the flux is missing'); process.exit(3)\"", "start": "node server.js"})
    repository.commit({"package.json": manifest, "server.js": ""})
    outcome = build(repository.url)
    assert outcome.said["reason"] == "build-failed" and "the flux is missing" in outcome.said["detail"], outcome.said


def test_what_only_the_build_needs_is_not_in_the_image(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    repository = repositories.make("pruned")
    manifest = package(
        dependencies={"ms": "2.1.3"},
        devDependencies={"isarray": "2.0.5"},
        scripts={"build": "node -e \"require('isarray')\"", "start": "node server.js"},
    )
    repository.commit({"package.json": manifest, "server.js": NODE, "nonce.json": json.dumps(nonce)})
    outcome = answers(build, tmp_path, repository.url, f"{nonce} 172800000", "node")
    assert not (outcome.image / "rootfs/node_modules/isarray").exists()
    assert "no lock file" in outcome.log


def test_a_second_build_finds_what_the_first_one_fetched(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.make("cached")
    repository.commit({"requirements.txt": "itsdangerous==2.2.0\n", "main.py": ""})
    cache = tmp_path / "cache"
    cache.mkdir()
    first = build(repository.url, CACHE="/../cache")
    assert first.code == 0, first.log
    unreachable = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/", "UV_OFFLINE": "1", "BUILD_ENVIRONMENT": "UV_DEFAULT_INDEX UV_OFFLINE"}
    assert build(repository.url, **unreachable).code == 1, "the test proves nothing"
    repeat = build(repository.url, CACHE="/../cache", UV_OFFLINE="1", BUILD_ENVIRONMENT="UV_OFFLINE")
    assert repeat.code == 0, repeat.log
    anew = build(repository.url, CACHE="/../cache", LIMIT_CACHE_MIB="0")
    assert anew.code == 0 and "starts anew" in anew.log


def test_submodules_at_their_commits(repositories: Repositories, build: Build, tmp_path: Path, nonce: str) -> None:
    inner, outer = repositories.make("inner"), repositories.make("outer")
    inner.commit({"index.html": nonce})
    outer.commit({"README.md": ""})
    git(outer.work, "-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.url, "site")
    git(outer.work, "config", "-f", ".gitmodules", "submodule.site.url", "../inner.git")
    git(outer.work, "commit", "-q", "-a", "-m", "with a submodule")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    inner.commit({"index.html": "newer than the one that is meant"})
    answers(build, tmp_path, outer.url, nonce, "static", BASE_DIRECTORY="site")


@pytest.mark.parametrize(("url", "words"), [("git@example.com:a/b.git", "http"), ("http://169.254.169.254/latest", "private address")])
def test_a_submodule_at_an_address_that_may_not_be_asked(repositories: Repositories, build: Build, url: str, words: str) -> None:
    inner, outer = repositories.make("inner"), repositories.make("outer")
    inner.commit({"index.html": ""})
    outer.commit({"README.md": ""})
    git(outer.work, "submodule", "add", "-q", inner.url, "site")
    git(outer.work, "config", "-f", ".gitmodules", "submodule.site.url", url)
    git(outer.work, "commit", "-q", "-a", "-m", "with a submodule")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    outcome = build(outer.url)
    assert outcome.said["reason"] == "repository-not-found" and words in outcome.said["detail"], outcome.said
