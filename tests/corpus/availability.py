"""What can be reached: repositories, in a folder of mirrors or at their host, and package indexes."""

import os
import shutil
import ssl
import subprocess
from functools import cache
from pathlib import Path

import httpx

from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.repositories import HOST, Repository
from tests.corpus.table import Row

PROBES = {
    "pypi": "https://pypi.org/simple/pip/",
    "python-builds": "https://github.com/astral-sh/python-build-standalone/releases",
    "npm": "https://registry.npmjs.org/express",
    "go": "https://proxy.golang.org/golang.org/x/mod/@v/list",
    "maven": "https://repo.maven.apache.org/maven2/org/apache/maven/maven/maven-metadata.xml",
    "gradle": "https://services.gradle.org/versions/current",
    "rubygems": "https://rubygems.org/api/v1/gems/rack.json",
    "packagist": "https://repo.packagist.org/packages.json",
    "docker-hub": "https://registry-1.docker.io/v2/",
    "internet": "https://github.com/",
}
"""`internet`: a build or a start that downloads from other hosts: a font, a compiled library of a package, a public database."""
CONFIGURED = {"pypi": ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), "npm": ("NPM_CONFIG_REGISTRY",)}
"""Variables that name another index for builds on this machine (knative/machine/mirrors.py)."""
REPLACED_BY_A_TOOLCHAIN = frozenset(("python-builds",))
"""Indexes that a build needs only for a version that the machine does not have: the row is tried, and its refusal is not counted."""
CONNECT_SECONDS = 10.0
GIT_SECONDS = 60.0


@cache
def is_reachable(index: str) -> bool:
    """Whether the index answers. Its answer to an anonymous request may be 401; a server error or silence is out of reach."""
    authorities = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    context = ssl.create_default_context(cafile=authorities) if authorities else ssl.create_default_context()
    url = next((value for name in CONFIGURED.get(index, ()) if (value := os.environ.get(name))), PROBES[index])
    try:
        return httpx.get(url, timeout=CONNECT_SECONDS, verify=context, follow_redirects=True).status_code < 500
    except httpx.TransportError:
        return False


def missing_indexes(row: Row) -> list[str]:
    """Indexes that the row needs in any case and that are out of reach."""
    return [index for index in row.needs if index not in REPLACED_BY_A_TOOLCHAIN and not is_reachable(index)]


def missing_toolchains(row: Row) -> list[str]:
    """Indexes that the row needs if the machine lacks the version, and that are out of reach."""
    return [index for index in row.needs if index in REPLACED_BY_A_TOOLCHAIN and not is_reachable(index)]


class Repositories:
    """Addresses of the rows' repositories: the public one, or a copy of a mirror that the installation itself serves over HTTP."""

    def __init__(self, home: Home, mirrors: Path | None) -> None:
        self._home = home
        self._mirrors = mirrors

    def find(self, row: Row) -> str | None:
        """The address to deploy from; None if the repository or the commit cannot be reached."""
        if self._mirrors is None:
            return row.url if _is_public(row.url) else None
        mirror = find_mirror(self._mirrors, row.repository)
        is_usable = mirror is not None and has_commit(mirror, row.commit) and is_complete(mirror, row.commit)
        return self._publish(mirror, row) if mirror is not None and is_usable else None

    def _publish(self, mirror: Path, row: Row) -> str:
        """Copy the mirror to the folder of the Service `samples`: any account can read the copy, and a build cannot reach the mirror."""
        name = row.repository.replace("/", "-")
        copy = Repository(self._home.git / f"{name}.git", f"http://{HOST}:{self._home.ports.ingress}/{name}.git")
        if not copy.path.exists():
            temporary = copy.path.with_suffix(".new")
            shutil.rmtree(temporary, ignore_errors=True)
            _git("clone", "--quiet", "--mirror", "--no-hardlinks", str(mirror), str(temporary))
            Repository(temporary, "").make_readable()
            temporary.rename(copy.path)
        return copy.url


def find_mirror(mirrors: Path, repository: str) -> Path | None:
    """The bare repository of a mirror: `owner/name.git`, `owner+name/repo` or `owner+name`."""
    flat = mirrors / repository.replace("/", "+")
    return next((path for path in (mirrors / f"{repository}.git", flat / "repo", flat) if (path / "HEAD").is_file()), None)


def has_commit(repository: Path, commit: str) -> bool:
    result = subprocess.run(
        ["git", "-c", f"safe.directory={repository}", "--git-dir", str(repository), "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True
    )
    return result.returncode == 0


@cache
def is_complete(repository: Path, commit: str) -> bool:
    """Whether the repository has every file of a commit: git serves no commit of a mirror that lacks some."""
    command = ["git", "-c", f"safe.directory={repository}", "--git-dir", str(repository), "rev-list", "--objects", "--no-walk", "--missing=print"]
    result = subprocess.run([*command, commit], capture_output=True, text=True, env={**os.environ, "GIT_NO_LAZY_FETCH": "1"})
    return result.returncode == 0 and not any(line.startswith("?") for line in result.stdout.splitlines())


@cache
def _is_public(url: str) -> bool:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(["git", "ls-remote", "--quiet", url, "HEAD"], capture_output=True, env=environment, timeout=GIT_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _git(*arguments: str) -> None:
    """Run git; the mirror may belong to another user. Raises: Problem."""
    environment = {**os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        raise Problem(f"git {arguments[0]} failed: {result.stderr.strip()}")
