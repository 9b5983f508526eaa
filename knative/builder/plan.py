"""Plan how a repository is built and started. Reads its files and runs nothing.

The `web:` line of a Procfile is the start command; without one, `start` finds it in the code. A lock file,
requirements.txt or pyproject.toml names the dependencies, or package.json in a repository without Python (`node`).
A Dockerfile is built where nothing else is recognized, or where the application's builder is dockerfile (`containers`).
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knative.builder import node, start
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, BuildFailure
from knative.builder.node import NodePlan
from knative.builder.start import find_start

LOCK_FILES = ("uv.lock", "poetry.lock")
RECOGNIZED_FILES = ("Procfile", "requirements.txt", "pyproject.toml", "package.json", "index.html")
WEB = re.compile(r"^web\s*:\s*(.*\S)\s*$", re.MULTILINE)
RELEASE = re.compile(r"^release\s*:\s*(.*\S)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """`kind`: python, node, static, or procfile (a command and nothing to install). `install`: arguments of `uv pip install`, one tuple per call."""

    kind: str
    command: str
    reason: str
    install: tuple[tuple[str, ...], ...] = ()
    modules: str = "."
    """The folder of its modules: src in a src layout."""
    lock: str = ""
    """uv.lock or poetry.lock, if dependencies are installed from it."""
    node: NodePlan | None = None
    notices: tuple[str, ...] = ()


def make_plan(folder: Path) -> Plan:
    """Raises BuildFailure(not-recognized | build-failed)."""
    plan = _recognize(folder)
    notices = []
    if (folder / "Dockerfile").is_file():
        notices.append(f"Dockerfile ignored; building as {plan.kind} (the builder dockerfile would use it)")
    if plan.node is None and plan.kind == "python" and (folder / "package.json").is_file():
        notices.append("package.json ignored; building as python")
    return replace(plan, notices=tuple(notices))


def _recognize(folder: Path) -> Plan:
    web = _web_command(folder)
    has_lock = (folder / "pyproject.toml").is_file() and any((folder / name).is_file() for name in LOCK_FILES)
    if not has_lock and (folder / "requirements.txt").is_file():
        requirements = ("-r", "requirements.txt")
        return _python(folder, web, (requirements,), "requirements.txt", _text(folder / "requirements.txt"))
    has_package_json = (folder / "package.json").is_file()
    if (folder / "pyproject.toml").is_file() and (has_lock or not has_package_json or _is_project(folder)):
        return _pyproject(folder, web)
    if has_package_json:
        node_plan = node.make_plan(folder, web)
        return Plan("node" if node_plan.command else "static", node_plan.command, node_plan.reason, node=node_plan)
    if web and (any(folder.glob("*.py")) or re.search(r"\bpython3?\b", web)):
        return Plan("python", web, "Procfile, Python without requirements")
    if web:
        return Plan("procfile", web, "Procfile")
    if (folder / "index.html").is_file():
        return Plan("static", "", "index.html")
    raise BuildFailure(NOT_RECOGNIZED, _explain_unrecognized(folder))


def _is_project(folder: Path) -> bool:
    """Whether pyproject.toml describes a project and not only tool settings."""
    text = _text(folder / "pyproject.toml")
    return any(re.search(rf"(?m)^\[{table}\]", text) for table in ("project", "build-system", r"tool\.poetry"))


def _python(
    folder: Path, web: str | None, install: tuple[tuple[str, ...], ...], reason: str, dependencies: str, modules: str = ".", lock: str = ""
) -> Plan:
    """`dependencies`: text that lists them, one a line; a server that is missing there is installed too."""
    if web:
        return Plan("python", web, f"{reason}, Procfile", install, modules, lock)
    command = find_start(folder / modules) or find_start(folder)
    if command is None:
        raise BuildFailure(
            NOT_RECOGNIZED,
            f"Python application ({reason}) without a start command. Add a Procfile with a line `web: …`, or one of "
            f"{', '.join(start.FILES)} with an application or a main program.",
        )
    if command.server and not re.search(rf"(?im)^\s*[\"']?{command.server}\b", dependencies):
        install = (*install, (command.server,))
    return Plan("python", command.command, f"{reason}, {command.file}", install, modules, lock)


def _pyproject(folder: Path, web: str | None) -> Plan:
    try:
        manifest = tomllib.loads(_text(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise BuildFailure(BUILD_FAILED, f"pyproject.toml cannot be read: {error}") from error
    modules = "src" if (folder / "src").is_dir() else "."
    project: dict[str, Any] = manifest.get("project", {})
    lock = next((name for name in LOCK_FILES if (folder / name).is_file()), "")
    install: tuple[tuple[str, ...], ...] = (
        () if lock else ((".",),) if "build-system" in manifest else (("-r", "pyproject.toml"),) if project.get("dependencies") else ()
    )
    poetry: dict[str, Any] = manifest.get("tool", {}).get("poetry", {})
    dependencies = "\n".join([*project.get("dependencies", []), *poetry.get("dependencies", {})])
    scripts = project.get("scripts", {}) or {name: target for name, target in poetry.get("scripts", {}).items() if isinstance(target, str)}
    script = "web" if "web" in scripts else next(iter(scripts)) if len(scripts) == 1 and "build-system" in manifest else None
    if web is None and script and not (find_start(folder / modules) or find_start(folder)):
        return Plan("python", script, f"pyproject.toml, script {script}", install, modules, lock)
    return _python(folder, web, install, f"pyproject.toml{f', {lock}' if lock else ''}", dependencies, modules, lock)


def _web_command(folder: Path) -> str | None:
    procfile = folder / "Procfile"
    if not procfile.is_file():
        return None
    line = WEB.search(_text(procfile))
    if line is None:
        raise BuildFailure(NOT_RECOGNIZED, "The Procfile has no line `web: …`. Add one with the command that serves HTTP on $PORT.")
    return line[1]


def release_command(folder: Path) -> str | None:
    """Return the command of the Procfile's `release:` line, which runs before a release takes traffic."""
    procfile = folder / "Procfile"
    line = RELEASE.search(_text(procfile)) if procfile.is_file() else None
    return line[1] if line else None


def _explain_unrecognized(folder: Path) -> str:
    """Say what to add to a repository that is not recognized."""
    needed = "a Procfile with a line `web: …`, requirements.txt or pyproject.toml (Python), package.json (Node.js), or index.html (static site)"
    files = sorted(path.name for path in folder.iterdir() if path.name != ".git")
    folders = sorted(path.parent.name for name in RECOGNIZED_FILES for path in folder.glob(f"*/{name}"))
    if folders:
        candidates = ", ".join(dict.fromkeys(folders[:5]))
        return f"The repository's top folder has none of: {needed}. To build a folder of it, set the base directory: {candidates}."
    return f"The repository has none of: {needed}. Files: {', '.join(files[:10]) or 'none'}."


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
