"""The start command of a Python application that declares none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knative.builder.planning.addresses import BIND, PORT, with_host
from knative.builder.planning.plan import Step
from knative.builder.planning.python_django import find_django
from knative.builder.planning.python_modules import (
    ASGI,
    WSGI,
    Application,
    find_application,
    find_assigned,
    import_root,
    imported_names,
    is_main_guard,
    parse,
)
from knative.builder.planning.python_packages import PIP, Packages
from knative.builder.planning.tree import Tree, string

NAMES = (
    "asgi.py", "wsgi.py", "main.py", "app.py", "application.py", "server.py", "api.py", "run.py", "web.py", "index.py", "start.py", "startup.py",
    "webapp.py", "entrypoint.py", "hello.py",
)  # fmt: skip
FOLDERS = ("", "app", "src", "src/app", "api", "backend", "server", "web", "backend/app")
PROGRAMS = ("main.py", "app.py", "server.py", "run.py", "start.py", "application.py", "bot.py", "hello.py", "index.py", "api.py")
IGNORED = re.compile(
    r"(^|/)(tests?|docs?|examples?|migrations|scripts|alembic|\.github)(/|$)|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|manage|gunicorn[^/]*)\.py$"
)
LISTED_SERVERS = {ASGI: frozenset({"uvicorn", "hypercorn", "daphne"}), WSGI: frozenset({"gunicorn"})}
STREAMLIT = "--server.headless true --browser.gatherUsageStats false"


@dataclass(frozen=True, slots=True)
class Start:
    """`file`: where it was found. `server`: a package that the command needs."""

    command: str
    file: str
    server: str = ""
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()


def find_start(tree: Tree, packages: Packages) -> Start | None:
    """Return the start command, None if no file has an application or a main program."""
    if (django := find_django(tree, packages)) and django.application:
        served = serve(tree, django.application, packages, django.folder)
        return Start(served.command, served.file, served.server, django.steps, django.notices)
    installed = packages.direct | packages.locked
    for path in _candidates(tree, packages):
        if application := find_application(tree, path, installed):
            return serve(tree, application, packages)
    if start := _of_dashboard(tree, packages):
        return start
    for path in tree.find("*.py", "*/*.py", "src/*/*.py"):
        if not IGNORED.search(path) and (application := find_application(tree, path, installed)):
            return serve(tree, application, packages)
    return _of_listed_server(tree, packages) or _of_program(tree, packages)


def serve(tree: Tree, application: Application, packages: Packages, folder: str | None = None) -> Start:
    """Return the command of a production server. `folder`: to import the module from, if it is known."""
    root, module = import_root(tree, application.file) if folder is None else (folder, _module(application.file, folder))
    target = f"{module}:{application.expression}"
    if application.interface == WSGI:
        target = f"'{target}()'" if application.is_factory else target
        location = f"--chdir {root} " if root and folder else f"--pythonpath {root} " if root else ""
        program = "exec gunicorn" if application.is_factory else "gunicorn"
        command = f'{program} --bind "{BIND}:{PORT}" --threads 8 --worker-tmp-dir "${{TMPDIR:-/tmp}}" {location}{target}'
        return Start(command, application.file, "gunicorn")
    location = f"--app-dir {root} " if root else ""
    factory = "--factory " if application.is_factory else ""
    if not packages.has("uvicorn") and packages.has("hypercorn") and not application.is_factory:
        return Start(f'hypercorn --bind "{BIND}:{PORT}" {f"--root-path {root} " if root else ""}{target}', application.file, "hypercorn")
    if not packages.has("uvicorn") and packages.has("daphne") and not root and not application.is_factory:
        return Start(f'daphne -b "{BIND}" -p "{PORT}" {target}', application.file, "daphne")
    command = f'uvicorn {location}{factory}{target} --host "{BIND}" --port "{PORT}" --no-server-header'
    return Start(command, application.file, "uvicorn")


def _module(path: str, folder: str) -> str:
    return path.removesuffix(".py").removeprefix(f"{folder}/" if folder else "").replace("/", ".")


def _candidates(tree: Tree, packages: Packages) -> Iterator[str]:
    """Files in which frameworks expect the application, the most likely first."""
    declared = re.search(r"(?m)^\s*(?:export\s+)?FLASK_APP\s*=\s*[\"']?([\w./]+)", tree.text(".flaskenv"))
    entry = string(tree.toml("pyproject.toml"), "tool", "fastapi", "entrypoint") if tree.has("pyproject.toml") else ""
    for name in (entry.partition(":")[0], declared[1].partition(":")[0] if declared else ""):
        base = name.removesuffix(".py").replace(".", "/")
        if base and (found := tree.first(f"{base}.py", f"{base}/__init__.py", f"src/{base}.py", f"src/{base}/__init__.py")):
            yield found
    own = [script.partition(":")[0].partition(".")[0] for script in packages.scripts.values()]
    packaged = [path.rpartition("/")[0] for path in tree.find("*/__init__.py", "src/*/__init__.py") if not IGNORED.search(path)]
    folders = [*FOLDERS, *(prefix + name for name in own for prefix in ("", "src/")), *packaged]
    for folder in dict.fromkeys(folders):
        prefix = f"{folder}/" if folder else ""
        for name in (*NAMES, "__init__.py"):
            if tree.has(f"{prefix}{name}"):
                yield f"{prefix}{name}"


def _of_listed_server(tree: Tree, packages: Packages) -> Start | None:
    """An application of an unknown framework, where the manifest lists the server that runs it."""
    interface = next((interface for interface, servers in LISTED_SERVERS.items() if packages.direct & servers), "")
    for path in _candidates(tree, packages) if interface else ():
        module = parse(tree.text(path))
        if module and (variable := find_assigned(module)):
            return serve(tree, Application(path, variable, interface), packages)
    return None


def _of_dashboard(tree: Tree, packages: Packages) -> Start | None:
    """Streamlit, Gradio, Chainlit and Panel serve a script with a program of their own."""
    preferred = [
        f"{folder}{name}" for folder in ("", "app/", "src/") for name in ("streamlit_app.py", "Home.py", "Hello.py", "main.py", "app.py", "demo.py")
    ]
    others = [path for path in tree.find("*.py", "*/*.py") if not IGNORED.search(path) and "/pages/" not in f"/{path}"]
    for path in dict.fromkeys([*(path for path in preferred if tree.has(path)), *others]):
        module = parse(tree.text(path))
        origins = {name.partition(".")[0] for name in imported_names(module).values()} if module else set()
        if "streamlit" in origins:
            command = f'streamlit run {path} --server.address "{BIND}" --server.port "{PORT}" {STREAMLIT}'
            return Start(command, path, "streamlit")
        if "chainlit" in origins:
            return Start(f'chainlit run {path} --host "{BIND}" --port "{PORT}" --headless', path, "chainlit")
        if "gradio" in origins and re.search(r"\.(launch|queue)\(", tree.text(path)):
            return Start(with_host(f'GRADIO_SERVER_PORT="{PORT}" python {path}', "GRADIO_SERVER_NAME"), path, "gradio")
        if "panel" in origins and ".servable(" in tree.text(path):
            command = f'panel serve {path} --address "{BIND}" --port "{PORT}" --allow-websocket-origin \'*\''
            return Start(command, path, "panel")
    return None


def _of_program(tree: Tree, packages: Packages) -> Start | None:
    """A file that runs as a main program, a console script, or the package with a `__main__.py` if there is exactly one."""
    for prefix in ("", "src/", "app/"):
        for name in PROGRAMS:
            path = f"{prefix}{name}"
            module = parse(tree.text(path)) if tree.has(path) else None
            if not tree.has(path) or (prefix and not (module and any(map(is_main_guard, module.body)))):
                continue
            root, dotted = import_root(tree, path)
            command = f"python {path}" if root == prefix.rstrip("/") or module is None else f"python -m {dotted}"
            return Start(command, path)
    scripts = packages.scripts
    script = "web" if "web" in scripts else next(iter(scripts)) if len(scripts) == 1 else ""
    if script:
        return Start(script, f"script {script} of pyproject.toml")
    mains = [path for path in tree.find("__main__.py", "*/__main__.py", "src/*/__main__.py") if not IGNORED.search(path)]
    if len(mains) != 1:
        return None
    folder = mains[0].rpartition("/")[0]
    root, _, package = folder.rpartition("/")
    return Start(f"env PYTHONPATH={root} python -m {package}" if root else f"python -m {package or '__main__'}", mains[0])


def server_steps(start: Start, packages: Packages, directory: str) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the step that installs a server which the manifest does not list, and its notice."""
    if not start.server or start.server in packages.direct:
        return (), ()
    step = Step(f"Installing {start.server}", (*PIP, start.server), directory=directory)
    if start.server in packages.locked:
        return (step,), ()  # of another package or of a group that is not installed: without effect if it is there
    return (step,), (f"{start.server} is not in {packages.reason}; its newest version is added. List it to pin its version",)


__all__ = ["ASGI", "Start", "find_start", "serve", "server_steps"]
