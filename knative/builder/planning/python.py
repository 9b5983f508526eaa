"""Plan Python applications (devcenter.heroku.com/articles/python-support, railpack.com/languages/python)."""

import re

from knative.builder.failure import NOT_RECOGNIZED, UNSUPPORTED, BuildFailure
from knative.builder.planning import assets
from knative.builder.planning.declarations import Declarations, build_step
from knative.builder.planning.development import before_server, development_server, server_name
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.procfile import PROCFILE
from knative.builder.planning.python_packages import PIP, Packages, find_packages
from knative.builder.planning.python_start import NAMES, PROGRAMS, Start, find_start, server_steps
from knative.builder.planning.tree import Tree
from knative.builder.planning.unsupported import CONDA, explain
from knative.builder.planning.versions import python_toolchain

WITHOUT_MANIFEST = "Python without requirements"
RUNS_PYTHON = re.compile(r"\b(python[\d.]*|gunicorn|uvicorn|hypercorn|daphne|waitress-serve|flask|streamlit|uwsgi)\b")


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure: not-recognized for a Python project without a start command, unsupported for one of conda."""
    packages = find_packages(tree) or _without_manifest(tree, declared)
    if packages is None:
        return None
    if not declared.start and tree.has("mkdocs.yml") and packages.has("mkdocs", "mkdocs-material"):
        return _mkdocs(tree, packages)
    start = Start(_without_runner(declared.start), declared.start_source) if declared.start else find_start(tree, packages)
    if start is None:
        detail = (
            f"Python application ({packages.reason}) without a start command. Add a Procfile with a line `web: …`, or one of "
            f"{', '.join(dict.fromkeys((*NAMES[:6], *PROGRAMS[:3])))} with an application or a main program."
        )
        raise BuildFailure(NOT_RECOGNIZED, detail)
    if packages.reason == WITHOUT_MANIFEST and start.server:
        detail = f"{start.file} needs packages, but there is no requirements.txt, pyproject.toml or Pipfile that lists them. Add one."
        raise BuildFailure(NOT_RECOGNIZED, detail)
    if declared.start:
        start = _with_detected(tree, packages, declared, start)
    servers, added = server_steps(_server_of(start), packages, tree.directory)
    front = assets.find_assets(tree, declared.buildpacks)
    return Plan(
        kind="python",
        reason=f"{packages.reason}, {start.file}",
        toolchains=(python_toolchain(tree), *packages.toolchains, *front.toolchains),
        steps=(*packages.steps, *servers, *front.steps, *build_step(tree, declared), *start.steps),
        start=start.command,
        variables=variables(tree),
        notices=(*packages.notices, *added, *front.notices, *start.notices),
    )


def _without_runner(command: str) -> str:
    """Return a command without `poetry run`, `pipenv run` and `uv run`: the virtual environment is active anyway."""
    plain = re.sub(r"(^|&&\s*|;\s*|\bexec\s+)(?:poetry|pipenv|uv)\s+run\s+(?:--\S+\s+)*", r"\1", command)
    return re.sub(r"(^|&&\s*|;\s*)(?=[\w./-]+\.py(\s|$))", r"\1python ", plain) if plain != command else command


def variables(tree: Tree) -> dict[str, str]:
    """Variables of a running Python application. `{root}`: the repository in the image."""
    root = "{root}" if tree.directory == "." else f"{{root}}/{tree.directory}"
    search = f"{root}:{root}/src" if tree.find("src/*.py", "src/*/__init__.py") else root
    return {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": search}


def _with_detected(tree: Tree, packages: Packages, declared: Declarations, start: Start) -> Start:
    """Add to a declared start command that a Django project's static files are collected. A Procfile's development server is replaced."""
    try:
        found = find_start(tree, packages)
    except BuildFailure:  # several projects: the command chooses one
        return start
    server = development_server(declared.start) if declared.start_source == PROCFILE else ""
    if server and found and found.server:
        before = before_server(declared.start)
        command = f"{before}exec {found.command.removeprefix('exec ')}" if before else found.command
        notice = f"{PROCFILE}: web runs {server_name(server)}, a development server; started is: {command}"
        return Start(command, found.file, found.server, found.steps, (notice, *found.notices))
    return Start(start.command, start.file, steps=found.steps if found else (), notices=found.notices if found and found.steps else ())


def _server_of(start: Start) -> Start:
    """A declared command that runs a server by its name needs that server's package."""
    if start.server:
        return start
    match = re.match(r"(?:exec\s+)?(gunicorn|uvicorn|hypercorn|daphne|streamlit)\s", start.command)
    return Start(start.command, start.file, match[1]) if match else start


def _without_manifest(tree: Tree, declared: Declarations) -> Packages | None:
    """A command that runs Python, or a main program in a folder with nothing else to build. Raises BuildFailure(unsupported) for one of conda."""
    files = tree.find("*.py")
    has_others = tree.has("package.json", "index.html", "go.mod", "Gemfile", "composer.json", "pom.xml", "build.gradle")
    if conda := tree.first(*CONDA):
        if RUNS_PYTHON.search(declared.start) or (declared.start and not has_others):
            raise BuildFailure(UNSUPPORTED, explain("conda", conda))
        return None
    if declared.start and (RUNS_PYTHON.search(declared.start) or (files and declared.has_procfile)) and not tree.has("package.json"):
        return Packages(WITHOUT_MANIFEST, frozenset())
    if not has_others and not declared.start and any(tree.has(name) for name in (*NAMES, *PROGRAMS, "manage.py")):
        return Packages(WITHOUT_MANIFEST, frozenset())
    return None


def _mkdocs(tree: Tree, packages: Packages) -> Plan:
    build = Step("Building the site", ("mkdocs", "build"), directory=tree.directory)
    return Plan(
        kind="static",
        reason=f"{packages.reason}, mkdocs.yml",
        toolchains=(Toolchain("python", *_version(tree)), *packages.toolchains),
        steps=(*packages.steps, build),
        site="site",
        notices=packages.notices,
    )


def _version(tree: Tree) -> tuple[str, str]:
    toolchain = python_toolchain(tree)
    return toolchain.constraint, toolchain.source


__all__ = ["PIP", "detect", "variables"]
