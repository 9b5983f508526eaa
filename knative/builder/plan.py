"""What a repository is and how it is built and started, read from its files and from nothing else (pure but for reading them).

A Procfile's `web:` says how to start; else it is read from the code. What is to be installed is said by a lock file, requirements.txt or
pyproject.toml; by package.json where there is no Python (`node`). A Dockerfile is not read: one machine has nothing to build one with, and what is
recognized beside it is built the same on every machine.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knative.builder import start
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, Failure
from knative.builder.node import Node
from knative.builder.node import read as node_plan

LOCKS = ("uv.lock", "poetry.lock")
KNOWN = ("Procfile", "requirements.txt", "pyproject.toml", "package.json", "index.html")
WEB = re.compile(r"^web\s*:\s*(.*\S)\s*$", re.MULTILINE)
RELEASE = re.compile(r"^release\s*:\s*(.*\S)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """`kind`: python, node, static, or procfile (a command and nothing to install). `install`: words for `uv pip install`, one tuple a call."""

    kind: str
    command: str
    reason: str
    install: tuple[tuple[str, ...], ...] = ()
    modules: str = "."
    """Where its modules lie: src for a src layout."""
    lock: str = ""
    """uv.lock or poetry.lock: what is installed is what it says."""
    node: Node | None = None
    notices: tuple[str, ...] = ()


def plan(folder: Path) -> Plan:
    """Raises Failure(not-recognized | build-failed)."""
    found = _plan(folder)
    notices = []
    if (folder / "Dockerfile").is_file():
        notices.append(f"the Dockerfile is not used: this is {found.kind}")
    if found.node is None and found.kind == "python" and (folder / "package.json").is_file():
        notices.append("package.json is not used: this is python")
    return replace(found, notices=tuple(notices))


def _plan(folder: Path) -> Plan:
    web = _web(folder)
    locked = (folder / "pyproject.toml").is_file() and any((folder / name).is_file() for name in LOCKS)
    if not locked and (folder / "requirements.txt").is_file():
        requirements = ("-r", "requirements.txt")
        return _python(folder, web, (requirements,), "requirements.txt", _text(folder / "requirements.txt"))
    node = (folder / "package.json").is_file()
    if (folder / "pyproject.toml").is_file() and (locked or not node or _is_project(folder)):
        return _pyproject(folder, web)
    if node:
        found = node_plan(folder, web)
        return Plan("node" if found.command else "static", found.command, found.reason, node=found)
    if web and (any(folder.glob("*.py")) or re.search(r"\bpython3?\b", web)):
        return Plan("python", web, "Procfile, Python without requirements")
    if web:
        return Plan("procfile", web, "Procfile")
    if (folder / "index.html").is_file():
        return Plan("static", "", "index.html")
    raise Failure(NOT_RECOGNIZED, _unrecognized(folder))


def _is_project(folder: Path) -> bool:
    """Not only a place for the settings of tools."""
    text = _text(folder / "pyproject.toml")
    return any(re.search(rf"(?m)^\[{table}\]", text) for table in ("project", "build-system", r"tool\.poetry"))


def _python(
    folder: Path, web: str | None, install: tuple[tuple[str, ...], ...], because: str, wanted: str, modules: str = ".", lock: str = ""
) -> Plan:
    if web:
        return Plan("python", web, f"{because}, Procfile", install, modules, lock)
    found = start.find(folder / modules) or start.find(folder)
    if found is None:
        raise Failure(
            NOT_RECOGNIZED,
            f"This is Python ({because}), but nothing says how to start it: add a Procfile with a line `web: …`, or one of "
            f"{', '.join(start.FILES)} with an application or a main program in it.",
        )
    if found.server and not re.search(rf"(?im)^\s*[\"']?{found.server}\b", wanted):
        install = (*install, (found.server,))
    return Plan("python", found.command, f"{because}, {found.file}", install, modules, lock)


def _pyproject(folder: Path, web: str | None) -> Plan:
    try:
        said = tomllib.loads(_text(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise Failure(BUILD_FAILED, f"pyproject.toml cannot be read: {error}") from error
    modules = "src" if (folder / "src").is_dir() else "."
    project: dict[str, Any] = said.get("project", {})
    lock = next((name for name in LOCKS if (folder / name).is_file()), "")
    install: tuple[tuple[str, ...], ...] = (
        () if lock else ((".",),) if "build-system" in said else (("-r", "pyproject.toml"),) if project.get("dependencies") else ()
    )
    poetry: dict[str, Any] = said.get("tool", {}).get("poetry", {})
    wanted = "\n".join([*project.get("dependencies", []), *poetry.get("dependencies", {})])
    scripts = project.get("scripts", {}) or {name: target for name, target in poetry.get("scripts", {}).items() if isinstance(target, str)}
    script = "web" if "web" in scripts else next(iter(scripts)) if len(scripts) == 1 and "build-system" in said else None
    if web is None and script and not (start.find(folder / modules) or start.find(folder)):
        return Plan("python", script, f"pyproject.toml, script {script}", install, modules, lock)
    return _python(folder, web, install, f"pyproject.toml{f', {lock}' if lock else ''}", wanted, modules, lock)


def _web(folder: Path) -> str | None:
    procfile = folder / "Procfile"
    if not procfile.is_file():
        return None
    found = WEB.search(_text(procfile))
    if found is None:
        raise Failure(NOT_RECOGNIZED, "The Procfile has no line `web: …`, so nothing says what answers requests.")
    return found[1]


def release_command(folder: Path) -> str | None:
    """What a release runs before it takes traffic, of the Procfile."""
    procfile = folder / "Procfile"
    found = RELEASE.search(_text(procfile)) if procfile.is_file() else None
    return found[1] if found else None


def _unrecognized(folder: Path) -> str:
    looked_for = "a Procfile with a line `web: …`, requirements.txt or pyproject.toml (Python), package.json (Node.js), or index.html (static files)"
    there = sorted(path.name for path in folder.iterdir() if path.name != ".git")
    if "Dockerfile" in there:
        return f"There is only a Dockerfile, and on one machine images are not built from one: it has no container engine. Add {looked_for}."
    inside = sorted(found.parent.name for name in KNOWN for found in folder.glob(f"*/{name}"))
    if inside:
        folders = ", ".join(dict.fromkeys(inside[:5]))
        return f"Nothing at the top says how it runs: it takes {looked_for}. Is it in a folder? Set the base directory: {folders}."
    return f"Nothing here says how it runs: it takes {looked_for}. The repository has {', '.join(there[:10]) or 'no files'}."


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
