"""What a repository is and how it is built and started, read from its files and from nothing else (pure but for reading them).

A Procfile's `web:` says how to start; else it is read from the code. What is to be installed is said by requirements.txt or pyproject.toml.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.builder import start
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, Failure

WEB = re.compile(r"^web\s*:\s*(.*\S)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """`kind`: python, static, or procfile (a command and nothing to install). `install`: words for `uv pip install`, one tuple a call."""

    kind: str
    command: str
    reason: str
    install: tuple[tuple[str, ...], ...] = ()
    modules: str = "."
    """Where its modules lie: src for a src layout."""


def plan(folder: Path) -> Plan:
    """Raises Failure(not-recognized | build-failed)."""
    web = _web(folder)
    if (folder / "requirements.txt").is_file():
        requirements = ("-r", "requirements.txt")
        return _python(folder, web, (requirements,), "requirements.txt", _text(folder / "requirements.txt"))
    if (folder / "pyproject.toml").is_file():
        return _pyproject(folder, web)
    if web and (any(folder.glob("*.py")) or re.search(r"\bpython3?\b", web)):
        return Plan("python", web, "Procfile, Python without requirements")
    if web:
        return Plan("procfile", web, "Procfile")
    if (folder / "index.html").is_file():
        return Plan("static", "", "index.html")
    raise Failure(NOT_RECOGNIZED, _unrecognized(folder))


def _python(folder: Path, web: str | None, install: tuple[tuple[str, ...], ...], because: str, wanted: str, modules: str = ".") -> Plan:
    if web:
        return Plan("python", web, f"{because}, Procfile", install, modules)
    found = start.find(folder / modules) or start.find(folder)
    if found is None:
        raise Failure(
            NOT_RECOGNIZED,
            f"This is Python ({because}), but nothing says how to start it: add a Procfile with a line `web: …`, or one of "
            f"{', '.join(start.FILES)} with an application or a main program in it.",
        )
    if found.server and not re.search(rf"(?im)^\s*[\"']?{found.server}\b", wanted):
        install = (*install, (found.server,))
    return Plan("python", found.command, f"{because}, {found.file}", install, modules)


def _pyproject(folder: Path, web: str | None) -> Plan:
    try:
        said = tomllib.loads(_text(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise Failure(BUILD_FAILED, f"pyproject.toml cannot be read: {error}") from error
    modules = "src" if (folder / "src").is_dir() else "."
    project: dict[str, Any] = said.get("project", {})
    install = ((".",),) if "build-system" in said else (("-r", "pyproject.toml"),) if project.get("dependencies") else ()
    scripts = project.get("scripts", {})
    script = "web" if "web" in scripts else next(iter(scripts)) if len(scripts) == 1 and "build-system" in said else None
    if web is None and script and not (start.find(folder / modules) or start.find(folder)):
        return Plan("python", script, f"pyproject.toml, script {script}", install, modules)
    return _python(folder, web, install, "pyproject.toml", "\n".join(project.get("dependencies", [])), modules)


def _web(folder: Path) -> str | None:
    procfile = folder / "Procfile"
    if not procfile.is_file():
        return None
    found = WEB.search(_text(procfile))
    if found is None:
        raise Failure(NOT_RECOGNIZED, "The Procfile has no line `web: …`, so nothing says what answers requests.")
    return found[1]


def _unrecognized(folder: Path) -> str:
    looked_for = "a Procfile with a line `web: …`, requirements.txt or pyproject.toml (Python), or index.html (static files)"
    there = sorted(path.name for path in folder.iterdir() if path.name != ".git")
    if "Dockerfile" in there:
        return f"There is only a Dockerfile, and images are not built from one here. Add {looked_for}."
    if "package.json" in there:
        return f"Node.js applications are not built here yet. It takes {looked_for}."
    return f"Nothing here says how it runs: it takes {looked_for}. The repository has {', '.join(there[:10]) or 'no files'}."


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
