"""Find application objects in Python modules. Parses modules and never runs them."""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from knative.builder.planning.tree import Tree

ASGI, WSGI = "asgi", "wsgi"
FRAMEWORKS = {
    "FastAPI": ASGI, "Starlette": ASGI, "Quart": ASGI, "Litestar": ASGI, "Sanic": ASGI, "BlackSheep": ASGI, "Esmerald": ASGI, "FastHTML": ASGI,
    "fast_app": ASGI, "FastAPIOffline": ASGI, "get_asgi_application": ASGI, "ProtocolTypeRouter": ASGI, "mount_gradio_app": ASGI, "ASGIApp": ASGI,
    "AsyncApp": ASGI, "Robyn": "", "Flask": WSGI, "APIFlask": WSGI, "OpenAPI": WSGI, "Bottle": WSGI, "default_app": WSGI,
    "get_wsgi_application": WSGI,
    "make_wsgi_app": WSGI, "WSGIApp": WSGI, "Dash": WSGI, "Eve": WSGI, "FlaskApp": WSGI, "App": "", "API": WSGI,
}  # fmt: skip
"""Classes and functions that make an application → its interface. "" depends on the module that they come from."""
MODULES = {"falcon": WSGI, "falcon.asgi": ASGI, "connexion": ASGI, "slack_bolt": ""}
WRAPPERS = ("ASGIApp", "WSGIApp", "mount_gradio_app", "ProtocolTypeRouter")
"""They wrap another application: they are what is served."""
FACTORIES = ("create_app", "make_app", "build_app", "get_app", "app_factory", "create_application", "get_application", "init_app")
VARIABLES = ("app", "application", "api", "server", "asgi", "wsgi")
WRAPPED_VARIABLES = ("app", "application", "asgi", "wsgi")
"""`server = Server(address, Flask(__name__))` is no application."""
OWN_SERVERS = ("aiohttp.web", "tornado", "robyn", "typer", "click")
"""Packages whose `app` no other server runs."""
STARTERS = frozenset({"run", "run_app", "start", "listen", "serve", "serve_forever", "launch"})
PACKAGES = {
    ASGI: ("fastapi", "starlette", "quart", "litestar", "sanic", "blacksheep", "python-fasthtml"),
    WSGI: ("flask", "bottle", "pyramid", "falcon", "dash", "apiflask", "connexion"),
}
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Application:
    """An application object. `expression`: a variable, an attribute of one, or a factory's name."""

    file: str
    expression: str
    interface: str
    is_factory: bool = False


def find_application(tree: Tree, path: str, installed: frozenset[str], depth: int = 0) -> Application | None:
    """Return the application that a module defines, imports or makes. None if there is none or the module has a syntax error."""
    module = parse(tree.text(path))
    if module is None or depth > MAX_DEPTH:
        return None
    imports = imported_names(module)
    if convention := _conventional(path, module, imports):
        return convention
    found: dict[str, str] = {}
    wrapped: dict[str, str] = {}

    def interface_of(call: ast.Call) -> str:
        return _interface(tree, path, callee_of(call), _qualified(call.func, imports), installed, module, depth)

    def callee_of(call: ast.Call) -> str:
        return _qualified(call.func, imports).rpartition(".")[2]

    for names, call in _assignments(module):
        callee = callee_of(call)
        interface = interface_of(call) or (_wrapped(call, interface_of) if names[0] in WRAPPED_VARIABLES else "")
        if interface:
            variable = f"{names[0]}.server" if callee == "Dash" else names[0]
            (wrapped if callee in WRAPPERS else found)[variable] = interface
    for name, expression in _attributes(module):
        if expression in found:  # Dash: server = app.server
            return Application(path, name, found[expression])
    if chosen := _choose(wrapped) or _choose(found):
        return Application(path, chosen, {**found, **wrapped}[chosen])
    return _imported(tree, path, imports, installed, depth) or _factory(path, module, imports, installed) or _conventional(path, module, {})


def find_assigned(module: ast.Module) -> str:
    """Return the variable `app` or `application` that a call makes, "" if there is none, or if the module starts its server itself."""
    if any(map(is_main_guard, module.body)):
        return ""
    imports = imported_names(module)
    assigned = {name: call for names, call in _assignments(module) for name in names}
    variable = next((name for name in VARIABLES[:2] if name in assigned), "")
    origins = (*imports.values(), _qualified(assigned[variable].func, imports) if variable else "")
    has_own_server = any(f"{origin}.".startswith(tuple(f"{name}." for name in OWN_SERVERS)) for origin in origins)
    return "" if not variable or has_own_server or _starts_itself(module, variable, assigned, imports) else variable


def _starts_itself(module: ast.Module, variable: str, assigned: Mapping[str, ast.Call], imports: Mapping[str, str]) -> bool:
    """Whether an import of the module would run its server: `app.run()`, `serve(app)`, `app()`, `uvicorn.run("main:app")`."""
    holders = {variable, *(name for name, call in assigned.items() if variable in _names_in(call))}
    for node in statements(module):
        call = node.value.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await) else getattr(node, "value", None)
        if not isinstance(node, ast.Expr) or not isinstance(call, ast.Call):
            continue
        is_called = isinstance(call.func, ast.Name) and call.func.id in holders
        is_run = _qualified(call.func, imports) in ("uvicorn.run", "asyncio.run", "anyio.run")
        if is_called or is_run or (_name(call.func) in STARTERS and _names_in(call) & holders):
            return True
    return False


def _names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _choose(found: dict[str, str]) -> str:
    return next((name for name in VARIABLES if name in found), next(iter(found), ""))


def _interface(tree: Tree, path: str, callee: str, qualified: str, installed: frozenset[str], module: ast.Module, depth: int) -> str:
    """Return the interface of what a call makes, "" if it makes no application."""
    origin = qualified.rpartition(".")[0]
    if callee in FRAMEWORKS:
        if origin in MODULES or FRAMEWORKS[callee] == "" or callee == "API":
            return MODULES.get(origin, "")
        return FRAMEWORKS[callee]
    if callee not in FACTORIES:
        return ""
    local = _function(module, callee)
    if local is not None:
        return _made_by(local) or by_packages(installed)
    if origin and (file := resolve_module(tree, path, origin)) and depth < MAX_DEPTH:
        other = parse(tree.text(file))
        function = _function(other, callee) if other else None
        made = _made_by(function) if function else ""
        return made or by_packages(installed)
    return by_packages(installed)


def by_packages(installed: frozenset[str]) -> str:
    """Return the interface of the framework that is installed, "" if there is none."""
    return next((interface for interface, names in PACKAGES.items() if installed & frozenset(names)), "")


def _imported(tree: Tree, path: str, imports: dict[str, str], installed: frozenset[str], depth: int) -> Application | None:
    """`from package import app`: what the package has."""
    for name in ("app", "application"):
        origin = imports.get(name, "").rpartition(".")[0]
        file = resolve_module(tree, path, origin) if origin else ""
        if file and file != path:
            other = find_application(tree, file, installed, depth + 1)
            interface = other.interface if other else by_packages(installed)
            if interface and not (other and other.is_factory):
                return Application(path, name, interface)
    return None


def _factory(path: str, module: ast.Module, imports: dict[str, str], installed: frozenset[str]) -> Application | None:
    """A function that needs no arguments and returns an application."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and (node.name in FACTORIES or _returns_application(node)):
            arguments = node.args
            needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
            needed += sum(default is None for default in arguments.kw_defaults)
            interface = _made_by(node) or (by_packages(installed) if node.name in FACTORIES[:6] else "")
            if not needed and interface:
                return Application(path, node.name, interface, is_factory=True)
    return None


def _wrapped(call: ast.Call, interface_of: Callable[[ast.Call], str]) -> str:
    """`app = Middleware(FastAPI())`: the interface of the application that a call gets first."""
    return interface_of(call.args[0]) if call.args and isinstance(call.args[0], ast.Call) else ""


def _conventional(path: str, module: ast.Module, imports: Mapping[str, str]) -> Application | None:
    """asgi.py and wsgi.py hold an application by convention, whatever makes it.

    With `imports`, only a variable `application` that wraps what the module has before: `application = Middleware(app)`.
    """
    stem = path.rpartition("/")[2].removesuffix(".py")
    if stem not in (ASGI, WSGI):
        return None
    calls = {name: call for names, call in _assignments(module) for name in names}
    if imports:
        call = calls.get("application")
        is_wrapper = call is not None and any(isinstance(each, ast.Name) and (each.id in calls or each.id in imports) for each in call.args)
        return Application(path, "application", stem) if is_wrapper else None
    names = {*calls, *imported_names(module)}
    names |= {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return next((Application(path, name, stem) for name in ("application", "app") if name in names), None)


def _returns_application(function: ast.FunctionDef) -> bool:
    returned = {node.value.id for node in ast.walk(function) if isinstance(node, ast.Return) and isinstance(node.value, ast.Name)}
    return any(set(names) & returned and FRAMEWORKS.get(_name(call.func), "") for names, call in _assignments(function))


def _made_by(function: ast.FunctionDef) -> str:
    calls = (_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call))
    return next((FRAMEWORKS[name] for name in calls if FRAMEWORKS.get(name)), "")


def _function(module: ast.Module, name: str) -> ast.FunctionDef | None:
    return next((node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def statements(module: ast.Module | ast.FunctionDef) -> Iterator[ast.stmt]:
    """Statements that run on import: also those in `if`, `try` and `with`, without `if __name__ == "__main__"`."""
    pending: list[ast.stmt] = list(module.body)
    while pending:
        node = pending.pop(0)
        yield node
        if isinstance(node, ast.If) and not is_main_guard(node):
            pending = [*node.body, *node.orelse, *pending]
        elif isinstance(node, ast.Try):
            pending = [*node.body, *node.orelse, *node.finalbody, *pending]
        elif isinstance(node, ast.With):
            pending = [*node.body, *pending]


def is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test))


def _assignments(module: ast.Module | ast.FunctionDef) -> Iterator[tuple[list[str], ast.Call]]:
    """(variables, call) of assignments. `app = wsgi = f()` and `app, rt = f()` name several."""
    for node in statements(module):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        value = getattr(node, "value", None)
        names = [each.id for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target]) if isinstance(each, ast.Name)]
        if names and isinstance(value, ast.Call):
            yield names, value


def _attributes(module: ast.Module) -> Iterator[tuple[str, str]]:
    """(variable, `name.attribute`) of assignments such as `server = app.server`."""
    for node in statements(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Attribute):
            yield node.targets[0].id, ast.unparse(node.value)


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _qualified(function: ast.expr, imports: Mapping[str, str]) -> str:
    """Return the callee's dotted name with imports resolved: `falcon.asgi.App`."""
    dotted = ast.unparse(function)
    first, dot, rest = dotted.partition(".")
    return f"{imports.get(first, first)}{dot}{rest}"


def imported_names(module: ast.Module) -> dict[str, str]:
    """Local name → dotted name. Relative imports begin with dots."""
    names = {}
    for node in statements(module):
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                names[alias.asname or alias.name] = f"{origin}{'' if origin.endswith('.') else '.'}{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else alias.name.partition(".")[0]
    return names


def resolve_module(tree: Tree, path: str, dotted: str) -> str:
    """Return the file of a module that another one imports, "" if it is not in the tree."""
    folder = path.rpartition("/")[0]
    level = len(dotted) - len(dotted.lstrip("."))
    parts = [part for part in dotted.lstrip(".").split(".") if part]
    for _ in range(level - 1):
        folder = folder.rpartition("/")[0]
    roots = [folder] if level else [*dict.fromkeys(("", "src", folder))]
    for root in roots:
        base = "/".join(part for part in (root, *parts) if part)
        if found := tree.first(f"{base}.py", f"{base}/__init__.py" if base else "__init__.py"):
            return found
    return ""


def parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def import_root(tree: Tree, path: str) -> tuple[str, str]:
    """Return the folder that must be on the module search path, and the module's dotted name there.

    It is the folder where the module's absolute imports are found, the uppermost of several.
    """
    stem = path.removesuffix(".py").removesuffix("/__init__")
    folders = path.split("/")[:-1]
    module = parse(tree.text(path)) or ast.Module([], [])
    origins = {name.partition(".")[0] for name in imported_names(module).values() if not name.startswith(".")}
    is_relative = any(name.startswith(".") for name in imported_names(module).values()) or path.endswith("/__init__.py")
    roots = ["/".join(folders[:depth]) for depth in range(len(folders) + (0 if is_relative else 1))] or [""]

    def score(root: str) -> int:
        prefix = f"{root}/" if root else ""
        return sum(tree.has(f"{prefix}{name}.py") or f"{prefix}{name}" in tree.folders for name in origins)

    best = max(map(score, roots))
    suitable = [root for root in roots if score(root) == best]
    is_source_layout = "src" in suitable and not tree.has("src/__init__.py")
    root = "src" if is_source_layout else suitable[0]
    return root, stem[len(root) + 1 if root else 0 :].replace("/", ".")
