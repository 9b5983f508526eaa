"""How a Python application starts that has no Procfile: by where frameworks put the application object, read from the syntax and never run."""

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
    """A package that the command needs, whether the application asks for it or not."""


def find(folder: Path) -> Start | None:
    for name in FILES:
        path = folder / name
        if path.is_file() and (found := _of_module(path, name)):
            return found
    return _of_django(folder) or _of_package(folder)


def _of_module(path: Path, name: str) -> Start | None:
    tree = _parse(path)
    if tree is None:
        return Start(f"python {name}", name)  # it says itself what is wrong with it
    module = name.removesuffix(".py")
    for variable, maker in _assigned(tree):
        if maker in ASGI or (name == "asgi.py" and variable in ("app", "application")):
            return _asgi(module, variable, name)
        if maker in WSGI or (name == "wsgi.py" and variable in ("app", "application")):
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
    found = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([A-Za-z0-9_]+)(\.[A-Za-z0-9_]+)*[\"']", manage.read_text(errors="replace"))
    if found and (folder / found[1] / "wsgi.py").is_file():
        return _wsgi(f"{found[1]}.wsgi", "application", "manage.py")
    return None


def _of_package(folder: Path) -> Start | None:
    """The one package that can be run as a program."""
    programs = sorted(path.parent.name for path in folder.glob("*/__main__.py"))
    return Start(f"python -m {programs[0]}", f"{programs[0]}/__main__.py") if len(programs) == 1 else None


def _assigned(tree: ast.Module) -> list[tuple[str, str]]:
    """(variable, what is called to make it) of the module's own assignments."""
    found = []
    for node in tree.body:
        targets, value = [], None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        for target in targets:
            if isinstance(target, ast.Name):
                found.append((target.id, _called(value)))
    return found


def _called(value: ast.expr | None) -> str:
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
