"""Plan how a repository with a package.json is installed, built and started. Reads its files and runs nothing.

The lock file decides the package manager. pnpm and yarn are fetched from the registry, in the version that package.json
names. The application starts with its `start` script, without the package manager, which would keep a process and
swallow signals. A repository with a build script and no server is a static site.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, BuildFailure

OUTPUT_FOLDERS = ("dist", "build", "out", "_site", "public", "www")
"""Where build scripts of static sites write their result."""
SERVER_FILES = ("server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs")
DEVELOPMENT_SERVER = re.compile(
    r"(?:^|\s)(react-scripts start|vite(?:\s+dev|\s+serve|\s*$|\s+--)|vue-cli-service serve|ng serve|webpack(-dev-server| serve)|parcel(?! build)\b)"
)
"""A `start` script that runs a development server: the build is what should be served."""


@dataclass(frozen=True, slots=True)
class PackageManager:
    """A package manager: the command that runs it, and its arguments for each step."""

    name: str
    command: tuple[str, ...]
    install: tuple[str, ...]
    install_production: tuple[str, ...]
    prune: tuple[str, ...]
    """Removes development dependencies after a build."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    manager: PackageManager
    has_build: bool
    command: str
    """Starts the application; empty for a static site."""
    reason: str
    has_lock_file: bool
    engine: str
    """The versions of Node.js that package.json allows."""


def make_plan(folder: Path, web: str | None) -> NodePlan:
    """Plan from package.json. `web`: the command of the Procfile. Raises BuildFailure(not-recognized | build-failed)."""
    try:
        manifest = json.loads((folder / "package.json").read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BuildFailure(BUILD_FAILED, f"package.json cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise BuildFailure(BUILD_FAILED, "package.json is not a JSON object.")
    scripts: dict[str, Any] = manifest.get("scripts") or {}
    manager, has_lock_file = _choose_manager(folder, str(manifest.get("packageManager") or ""))
    has_build = bool(scripts.get("build"))
    command, reason = _start_command(folder, manifest, scripts, web, has_build)
    engines = manifest.get("engines")
    engine = str(engines.get("node", "")) if isinstance(engines, dict) else ""
    return NodePlan(manager, has_build, command, f"package.json, {manager.name}, {reason}", has_lock_file, engine)


def _start_command(folder: Path, manifest: dict[str, Any], scripts: dict[str, Any], web: str | None, has_build: bool) -> tuple[str, str]:
    """Return the command and what it comes from."""
    start = scripts.get("start")
    if web:
        return web, "Procfile"
    if start and not (has_build and DEVELOPMENT_SERVER.search(start)):
        hooks = [name for name in ("prestart", "poststart") if scripts.get(name)]
        return ("npm start", "script start") if hooks else (str(start), "script start")
    files = [name for name in SERVER_FILES if (folder / name).is_file()]
    main = str(manifest.get("main") or "").removeprefix("./")
    servers = [name for name in (*files, main) if name and not name.startswith(("index.", "main."))]
    if (folder / "index.html").is_file() and not servers and not has_build:
        return "", "index.html"  # an index.js beside it is the page's script or the package's export, not a server
    if main and (folder / main).is_file() and not has_build:
        return f"node {main}", main
    if files and not has_build:
        return f"node {files[0]}", files[0]
    if has_build:
        return "", "static site from script build"
    raise BuildFailure(
        NOT_RECOGNIZED,
        "Node.js application (package.json) without a start command. Add a script `start` or a Procfile with a line `web: …`; "
        "for a static site, add a script `build` or an index.html.",
    )


def _choose_manager(folder: Path, package_manager: str) -> tuple[PackageManager, bool]:
    name, _, version = package_manager.partition("@")
    version = re.split(r"[+\s]", version)[0] if re.fullmatch(r"\d+(\.\d+)*([.+-].*)?", version) else ""
    if (folder / "pnpm-lock.yaml").is_file() or name == "pnpm":
        return _pnpm(folder, version if name == "pnpm" else "")
    if (folder / "yarn.lock").is_file() or name == "yarn":
        return _yarn(folder, version if name == "yarn" else "")
    has_lock_file = any((folder / each).is_file() for each in ("package-lock.json", "npm-shrinkwrap.json"))
    first = "ci" if has_lock_file else "install"
    return PackageManager("npm", ("npm",), (first, "--include=dev"), (first, "--omit=dev"), ("prune", "--omit=dev")), has_lock_file


def _exec(package: str, program: str) -> tuple[str, ...]:
    """The command that fetches a package from the registry and runs a program of it."""
    return ("npm", "exec", "--yes", f"--package={package}", "--", program)


def _pnpm(folder: Path, version: str) -> tuple[PackageManager, bool]:
    lock = folder / "pnpm-lock.yaml"
    has_lock_file = lock.is_file()
    lock_version = re.search(r"lockfileVersion:\s*'?(\d+)", lock.read_text(errors="replace")) if has_lock_file else None
    version = version or {"5": "7", "6": "8"}.get(lock_version[1] if lock_version else "", "10")
    frozen = ("--frozen-lockfile",) if has_lock_file else ("--no-frozen-lockfile",)
    options = ("install", *frozen, "--package-import-method=copy")
    command = _exec(f"pnpm@{version}", "pnpm")
    return PackageManager("pnpm", command, (*options, "--prod=false"), (*options, "--prod"), ("prune", "--prod")), has_lock_file


def _yarn(folder: Path, version: str) -> tuple[PackageManager, bool]:
    lock = folder / "yarn.lock"
    has_lock_file = lock.is_file()
    is_berry = (has_lock_file and "__metadata:" in lock.read_text(errors="replace")[:2000]) or (version and not version.startswith(("0", "1")))
    if is_berry:
        install = ("install", "--immutable") if has_lock_file else ("install",)
        command = _exec(f"@yarnpkg/cli-dist@{version or '4'}", "yarn")
        return PackageManager("yarn", command, install, install, ()), has_lock_file
    frozen = ("--frozen-lockfile",) if has_lock_file else ()
    options = ("install", *frozen, "--non-interactive", "--no-progress")
    production = (*options, "--production=true")
    prune = (*production, "--ignore-scripts")
    return PackageManager("yarn", _exec(f"yarn@{version or '1'}", "yarn"), (*options, "--production=false"), production, prune), has_lock_file
