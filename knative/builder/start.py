"""Find the start command of a Python application without a Procfile.

Looks for the application object where frameworks put it. Parses modules and never runs them.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

FILES = ("asgi.py", "wsgi.py", "main.py", "app.py", "server.py")
ASGI = frozenset({"FastAPI", "Starlette", "Quart", "Litestar", "BlackSheep", "get_asgi_application"})
WSGI = frozenset({"Flask", "Bottle", "get_wsgi_application", "create_app"})
ADDRESS = "${HOST:-127.0.0.1}"
UVICORN, GUNICORN = "uvicorn", "gunicorn"


@dataclass(frozen=True, slots=True)
class Start:
    command: str
    file: str
    server: str | None = None
    """A package that the command needs even if the application does not list it."""


def find_start(folder: Path) -> Start | None:
    """Return the start command, None if no known file has an application or a main program."""
    for name in FILES:
        path = folder / name
        if path.is_file() and (start := _of_module(path, name)):
            return start
    return _of_django(folder) or _of_package(folder)


def _of_module(path: Path, name: str) -> Start | None:
    tree = _parse(path)
    if tree is None:
        return Start(f"python {name}", name)  # running it reports the syntax error
    module = name.removesuffix(".py")
    for variable, callee in _assignments(tree):
        if callee in ASGI or (name == "asgi.py" and variable in ("app", "application")):
            return _asgi(module, variable, name)
        if callee in WSGI or (name == "wsgi.py" and variable in ("app", "application")):
            return _wsgi(module, variable, name)
    if name in ("asgi.py", "wsgi.py"):
        imported = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        for variable in ("application", "app"):
            if variable in imported:
                return _asgi(module, variable, name) if name == "asgi.py" else _wsgi(module, variable, name)
        return None
    return Start(f"python {name}", name)


def _of_django(folder: Path) -> Start | None:
    manage = folder / "manage.py"
    if not manage.is_file():
        return None
    setting = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([A-Za-z0-9_]+)(\.[A-Za-z0-9_]+)*[\"']", manage.read_text(errors="replace"))
    if setting and (folder / setting[1] / "wsgi.py").is_file():
        return _wsgi(f"{setting[1]}.wsgi", "application", "manage.py")
    return None


def _of_package(folder: Path) -> Start | None:
    """The package with a `__main__.py`, if there is exactly one."""
    packages = sorted(path.parent.name for path in folder.glob("*/__main__.py"))
    return Start(f"python -m {packages[0]}", f"{packages[0]}/__main__.py") if len(packages) == 1 else None


def _assignments(tree: ast.Module) -> list[tuple[str, str]]:
    """(variable, called function or class) of the module's top-level assignments."""
    assignments = []
    for node in tree.body:
        targets, value = [], None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        for target in targets:
            if isinstance(target, ast.Name):
                assignments.append((target.id, _callee(value)))
    return assignments


def _callee(value: ast.expr | None) -> str:
    if not isinstance(value, ast.Call):
        return ""
    function = value.func
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _parse(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None


def _asgi(module: str, variable: str, file: str) -> Start:
    return Start(f'uvicorn {module}:{variable} --host "{ADDRESS}" --port "$PORT" --no-server-header', file, UVICORN)


def _wsgi(module: str, variable: str, file: str) -> Start:
    return Start(f'gunicorn --bind "{ADDRESS}:$PORT" --threads 8 --worker-tmp-dir "${{TMPDIR:-/tmp}}" {module}:{variable}', file, GUNICORN)
