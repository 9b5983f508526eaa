"""What a Python project depends on, and how that is installed."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.planning.plan import Step, Toolchain
from knative.builder.planning.tree import Tree, join, string, table

REQUIREMENTS = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/requirements.txt", "requirements/base.txt",
                "requirements/common.txt", "requirements/main.txt", "requirements-prod.txt", "requirements.in")  # fmt: skip
NAME = re.compile(r"^\s*[\"']?([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
PIP = ("uv", "pip", "install")
PROVIDES = {
    "fastapi": {"standard": ("uvicorn",), "all": ("uvicorn",), "standard-no-fastapi-cloud-cli": ("uvicorn",)},
    "litestar": {"standard": ("uvicorn",)},
    "channels": {"daphne": ("daphne",)},
}
"""Extras that bring a server."""
INCLUDES = {"python-fasthtml": ("uvicorn",), "nicegui": ("uvicorn",), "gradio": ("uvicorn",), "chainlit": ("uvicorn",)}


@dataclass(frozen=True, slots=True)
class Packages:
    """The dependencies of a project. `direct`: normalized names (PEP 503) that its manifest lists; `locked`: those of its lock file."""

    reason: str
    direct: frozenset[str]
    locked: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()
    toolchains: tuple[Toolchain, ...] = ()
    notices: tuple[str, ...] = ()
    scripts: dict[str, str] = field(default_factory=dict)
    """Console scripts that the project installs."""

    def has(self, *names: str) -> bool:
        return any(name in self.direct or name in self.locked for name in names)


def find_packages(tree: Tree) -> Packages | None:
    """Return how the project is installed, None if it has no manifest. The first of lock file, requirements and manifest counts."""
    if tree.has("pyproject.toml"):
        for name, read in (("uv.lock", _uv), ("poetry.lock", _poetry)):
            if tree.has(name) or (name == "uv.lock" and _uv_root(tree) is not None):
                return read(tree)
    if tree.has("Pipfile"):
        return _pipenv(tree)
    if file := tree.first(*REQUIREMENTS):
        return _requirements(tree, file)
    if tree.has("pyproject.toml") and is_project(tree):
        return _pyproject(tree)
    if tree.has("setup.py", "setup.cfg"):
        file = tree.first("setup.py", "setup.cfg")
        names = re.findall(r"[\"']([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:[<>=~!;][^\"']*)?[\"']", tree.text("setup.py"))
        return Packages(file, _names(names), steps=(Step(f"Installing from {file}", (*PIP, "."), directory=tree.directory),))
    return None


def is_project(tree: Tree) -> bool:
    """Whether pyproject.toml describes a project and not only tool settings."""
    content = tree.toml("pyproject.toml")
    return any(table(content, *keys) for keys in (("project",), ("build-system",), ("tool", "poetry")))


def requirement_lines(tree: Tree, file: str) -> list[str]:
    """Return the requirements of a file and of those that it includes with `-r`, each file once."""
    lines = []
    pending, read = [file], set()
    while pending:
        path = pending.pop(0)
        if path in read:
            continue
        read.add(path)
        for raw in tree.text(path).replace("\\\n", " ").split("\n"):
            line = re.sub(r"(^|\s)#.*", "", raw).strip()
            if include := re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line):
                pending.append(join(path.rpartition("/")[0] or ".", include[1]))
            elif line and not line.startswith("-"):
                lines.append(line)
    return lines


def _uv_root(tree: Tree) -> Tree | None:
    """The folder of uv.lock: the project's, or that of the uv workspace that it is a member of."""
    if tree.has("uv.lock"):
        return tree
    return next((each for each in tree.ancestors if each.has("uv.lock") and "workspace" in table(each.toml("pyproject.toml"), "tool", "uv")), None)


def _uv(tree: Tree) -> Packages:
    root = _uv_root(tree) or tree
    manifest = tree.toml("pyproject.toml")
    locked = _names(string(package, "name") for package in _tables(root.toml("uv.lock").get("package")))
    command = ["uv", "sync", "--frozen", "--no-dev", "--no-editable"]
    is_workspace = "workspace" in table(manifest, "tool", "uv")
    if is_workspace and not string(manifest, "project", "name"):
        command.append("--all-packages")
    lock = "uv.lock" if root is tree else root.place("uv.lock")
    step = Step(f"Installing from {lock}", tuple(command), directory=tree.directory)
    return Packages(f"pyproject.toml, {lock}", _project_names(manifest), locked, (step,), (Toolchain("uv"),), scripts=_scripts(manifest))


def _poetry(tree: Tree) -> Packages:
    manifest = tree.toml("pyproject.toml")
    locked = _names(string(package, "name") for package in _tables(tree.toml("poetry.lock").get("package")))
    command = ["poetry", "install", "--only", "main", "--no-interaction"]
    name = (string(manifest, "project", "name") or string(manifest, "tool", "poetry", "name")).replace("-", "_").replace(".", "_")
    has_package = bool(name) and any(tree.has(f"{parent}{name}/__init__.py", f"{parent}{name}.py") for parent in ("", "src/"))
    if not has_package and not table(manifest, "tool", "poetry").get("packages"):
        command.append("--no-root")
    step = Step("Installing from poetry.lock", tuple(command), directory=tree.directory)
    return Packages(
        "pyproject.toml, poetry.lock", _project_names(manifest), locked, (step,), (Toolchain("poetry", ">=2,<3"),), scripts=_scripts(manifest)
    )


def _pipenv(tree: Tree) -> Packages:
    direct = _with_extras(table(tree.toml("Pipfile"), "packages"))
    if tree.has("Pipfile.lock"):
        try:
            locked = _names(table(json.loads(tree.text("Pipfile.lock")), "default"))
        except ValueError as error:
            raise BuildFailure(BUILD_FAILED, f"Pipfile.lock is not valid JSON: {error}. Run `pipenv lock` again.") from error
        step = Step("Installing from Pipfile.lock", ("pipenv", "install", "--deploy"), {"PIPENV_VERBOSITY": "-1"}, tree.directory)
        return Packages("Pipfile, Pipfile.lock", direct, locked, (step,), (Toolchain("pipenv"),))
    step = Step("Installing from Pipfile", ("pipenv", "install", "--skip-lock"), {"PIPENV_VERBOSITY": "-1"}, tree.directory)
    notices = ("Pipfile.lock is missing; the newest versions that Pipfile allows are installed",)
    return Packages("Pipfile", direct, frozenset(), (step,), (Toolchain("pipenv"),), notices)


def _requirements(tree: Tree, file: str) -> Packages:
    lines = requirement_lines(tree, file)
    direct = frozenset(name for line in lines for name in _requirement(line))
    step = Step(f"Installing from {file}", (*PIP, "-r", file), directory=tree.directory)
    scripts = _scripts(tree.toml("pyproject.toml")) if any(line in (".", "./") for line in lines) else {}
    return Packages(file, direct, steps=(step,), scripts=scripts)


def _pyproject(tree: Tree) -> Packages:
    manifest = tree.toml("pyproject.toml")
    direct = _project_names(manifest)
    notices = tuple(
        f"{name} is not read; the newest versions that pyproject.toml allows are installed"
        for name in ("pdm.lock", "pylock.toml", "requirements.lock")
        if tree.has(name)
    )
    steps: tuple[Step, ...] = ()
    if "build-system" in manifest and _has_package(tree, manifest):
        steps = (Step("Installing from pyproject.toml", (*PIP, "."), directory=tree.directory),)
    elif table(manifest, "project").get("dependencies") or "dependencies" in table(manifest, "project").get("dynamic", ()):
        steps = (Step("Installing from pyproject.toml", (*PIP, "-r", "pyproject.toml"), directory=tree.directory),)
    elif table(manifest, "tool", "poetry"):
        command = ("poetry", "install", "--only", "main", "--no-interaction", "--no-root")
        step = Step("Installing from pyproject.toml", command, directory=tree.directory)
        notices += ("poetry.lock is missing; the newest versions that pyproject.toml allows are installed",)
        return Packages(
            "pyproject.toml", direct, steps=(step,), toolchains=(Toolchain("poetry", ">=2,<3"),), notices=notices, scripts=_scripts(manifest)
        )
    return Packages("pyproject.toml", direct, steps=steps, notices=notices, scripts=_scripts(manifest) if "build-system" in manifest else {})


def _has_package(tree: Tree, manifest: dict[str, object]) -> bool:
    """Whether the project itself can be installed: with Poetry a package of its name must exist."""
    if table(manifest, "project") or not table(manifest, "tool", "poetry"):
        return True
    if table(manifest, "tool", "poetry").get("package-mode") is False:
        return False
    name = string(manifest, "tool", "poetry", "name").replace("-", "_")
    return any(tree.has(f"{parent}{name}/__init__.py") for parent in ("", "src/")) or bool(table(manifest, "tool", "poetry").get("packages"))


def _scripts(manifest: dict[str, object]) -> dict[str, str]:
    declared = table(manifest, "project", "scripts") or table(manifest, "tool", "poetry", "scripts")
    return {name: target for name, target in declared.items() if isinstance(target, str)}


def _project_names(manifest: dict[str, object]) -> frozenset[str]:
    dependencies = table(manifest, "project").get("dependencies", [])
    listed = (
        frozenset(name for line in dependencies if isinstance(line, str) for name in _requirement(line))
        if isinstance(dependencies, list)
        else frozenset()
    )
    return listed | _with_extras(table(manifest, "tool", "poetry", "dependencies"))


def _with_extras(dependencies: dict[str, object]) -> frozenset[str]:
    """Names of Poetry's and Pipenv's tables."""
    lines = []
    for name, details in dependencies.items():
        extras = details.get("extras", []) if isinstance(details, dict) else []
        lines.append(f"{name}[{','.join(map(str, extras))}]" if isinstance(extras, list) and extras else name)
    return frozenset(name for line in lines for name in _requirement(line))


def _requirement(line: str) -> list[str]:
    """Names that a requirement brings: its own, and servers that its extras include."""
    match = NAME.match(re.sub(r".*#egg=", "", line) if "#egg=" in line else line)
    if match is None:
        return []
    name = normalize(match[1])
    extras = [extra.strip().lower() for extra in (match[2] or "").split(",")]
    return [name, *INCLUDES.get(name, ()), *(each for extra in extras for each in PROVIDES.get(name, {}).get(extra, ()))]


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(normalize, names))


def _tables(content: object) -> list[dict[str, object]]:
    return [entry for entry in content if isinstance(entry, dict)] if isinstance(content, list) else []
