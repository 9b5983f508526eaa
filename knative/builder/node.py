"""How a repository with a package.json is installed, built and started, read from its files and never run (pure but for reading them).

The lock file says which package manager; another than npm is fetched from the registry, in the version that package.json asks for. What starts is
the `start` script itself and no package manager around it: those keep a process and swallow signals. A repository that has a build and nothing
that answers requests is a static site.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, Failure

OUTPUTS = ("dist", "build", "out", "_site", "public", "www")
"""Where builds of static sites leave them."""
PROGRAMS = ("server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs")
DEVELOPMENT = re.compile(
    r"(?:^|\s)(react-scripts start|vite(?:\s+dev|\s+serve|\s*$|\s+--)|vue-cli-service serve|ng serve|webpack(-dev-server| serve)|parcel(?! build)\b)"
)
"""A `start` that is a server for whoever writes it; what is meant to be served is the build."""


@dataclass(frozen=True, slots=True)
class Manager:
    """A package manager: how it is called, what installs all and what installs only what runs."""

    name: str
    call: tuple[str, ...]
    install: tuple[str, ...]
    production: tuple[str, ...]
    prune: tuple[str, ...]
    """After a build, what only the build needed."""


@dataclass(frozen=True, slots=True)
class Node:
    manager: Manager
    build: bool
    command: str
    """Empty: it is static."""
    reason: str
    locked: bool
    wanted: str
    """What package.json says of Node's version."""


def read(folder: Path, web: str | None) -> Node:
    """Raises Failure(not-recognized | build-failed)."""
    try:
        said = json.loads((folder / "package.json").read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise Failure(BUILD_FAILED, f"package.json cannot be read: {error}") from error
    if not isinstance(said, dict):
        raise Failure(BUILD_FAILED, "package.json is no object.")
    scripts: dict[str, Any] = said.get("scripts") or {}
    manager, locked = _manager(folder, str(said.get("packageManager") or ""))
    build = bool(scripts.get("build"))
    command, reason = _command(folder, said, scripts, web, build)
    engines = said.get("engines")
    wanted = str(engines.get("node", "")) if isinstance(engines, dict) else ""
    return Node(manager, build, command, f"package.json, {manager.name}, {reason}", locked, wanted)


def _command(folder: Path, said: dict[str, Any], scripts: dict[str, Any], web: str | None, build: bool) -> tuple[str, str]:
    start = scripts.get("start")
    if web:
        return web, "Procfile"
    if start and not (build and DEVELOPMENT.search(start)):
        around = [name for name in ("prestart", "poststart") if scripts.get(name)]
        return ("npm start", "script start") if around else (str(start), "script start")
    programs = [name for name in PROGRAMS if (folder / name).is_file()]
    main = str(said.get("main") or "").removeprefix("./")
    servers = [name for name in (*programs, main) if name and not name.startswith(("index.", "main."))]
    if (folder / "index.html").is_file() and not servers and not build:
        return "", "index.html"  # index.js beside it is the page's script, or what the package exports: no server
    if main and (folder / main).is_file() and not build:
        return f"node {main}", main
    if programs and not build:
        return f"node {programs[0]}", programs[0]
    if build:
        return "", "static site from script build"
    raise Failure(
        NOT_RECOGNIZED,
        "This is Node.js (package.json), but nothing says how to start it: add a script `start`, a Procfile with a line `web: …`, or for a static "
        "site a script `build` or an index.html.",
    )


def _manager(folder: Path, asked: str) -> tuple[Manager, bool]:
    name, _, version = asked.partition("@")
    version = re.split(r"[+\s]", version)[0] if re.fullmatch(r"\d+(\.\d+)*([.+-].*)?", version) else ""
    if (folder / "pnpm-lock.yaml").is_file() or name == "pnpm":
        return _pnpm(folder, version if name == "pnpm" else "")
    if (folder / "yarn.lock").is_file() or name == "yarn":
        return _yarn(folder, version if name == "yarn" else "")
    locked = any((folder / each).is_file() for each in ("package-lock.json", "npm-shrinkwrap.json"))
    first = "ci" if locked else "install"
    return Manager("npm", ("npm",), (first, "--include=dev"), (first, "--omit=dev"), ("prune", "--omit=dev")), locked


def _fetched(package: str, program: str) -> tuple[str, ...]:
    return ("npm", "exec", "--yes", f"--package={package}", "--", program)


def _pnpm(folder: Path, version: str) -> tuple[Manager, bool]:
    lock = folder / "pnpm-lock.yaml"
    locked = lock.is_file()
    told = re.search(r"lockfileVersion:\s*'?(\d+)", lock.read_text(errors="replace")) if locked else None
    version = version or {"5": "7", "6": "8"}.get(told[1] if told else "", "10")
    frozen = ("--frozen-lockfile",) if locked else ("--no-frozen-lockfile",)
    words = ("install", *frozen, "--package-import-method=copy")
    return Manager("pnpm", _fetched(f"pnpm@{version}", "pnpm"), (*words, "--prod=false"), (*words, "--prod"), ("prune", "--prod")), locked


def _yarn(folder: Path, version: str) -> tuple[Manager, bool]:
    lock = folder / "yarn.lock"
    locked = lock.is_file()
    modern = (locked and "__metadata:" in lock.read_text(errors="replace")[:2000]) or (version and not version.startswith(("0", "1")))
    if modern:
        install = ("install", "--immutable") if locked else ("install",)
        call = _fetched(f"@yarnpkg/cli-dist@{version or '4'}", "yarn")
        return Manager("yarn", call, install, install, ()), locked
    frozen = ("--frozen-lockfile",) if locked else ()
    words = ("install", *frozen, "--non-interactive", "--no-progress")
    only = (*words, "--production=true")
    return Manager("yarn", _fetched(f"yarn@{version or '1'}", "yarn"), (*words, "--production=false"), only, (*only, "--ignore-scripts")), locked
