"""What an application of Node.js starts in production, or which site it serves: never a development server."""

import re
from dataclasses import dataclass
from typing import Any

from knative.builder.failure import NOT_RECOGNIZED, UNSUPPORTED, BuildFailure
from knative.builder.planning.declarations import Declarations
from knative.builder.planning.development import before_server, development_server, server_name
from knative.builder.planning.node_frameworks import Application, Served, find_framework, with_address
from knative.builder.planning.node_packages import Manager, workspace_members
from knative.builder.planning.node_scripts import (
    CLEAN,
    JAVASCRIPT,
    Line,
    compiled_path,
    development_line,
    in_foreground,
    needs_environment,
    production_line,
    resolve,
    scripts_of,
    split_build,
)
from knative.builder.planning.plan import Step
from knative.builder.planning.procfile import PROCFILE
from knative.builder.planning.sites import OUTPUT_FOLDERS, any_of
from knative.builder.planning.tree import Tree, string, table
from knative.builder.planning.unsupported import explain

PRODUCTION_SCRIPTS = ("start:prod", "start:production", "start-prod", "serve:prod", "prod", "production")
SERVER_FILES = ("server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "app.mjs", "server.cjs", "index.cjs", "bin/www",
               "src/server.js",
                "src/index.js", "src/app.js", "src/main.js", "server/index.js", "server/server.js", "src/index.mjs")  # fmt: skip
TYPESCRIPT_FILES = ("src/index.ts", "src/server.ts", "src/main.ts", "src/app.ts", "index.ts", "server.ts", "app.ts", "main.ts")
SERVERS = ("express", "fastify", "koa", "@hapi/hapi", "hono", "@hono/node-server", "restify", "polka", "socket.io", "ws",
           "apollo-server", "@apollo/server",
           "@feathersjs/express", "sails", "h3", "json-server")  # fmt: skip


BROWSER_SERVERS = r"(webpack|parcel|snowpack|rsbuild|live-server|lite-server|browser-sync|gulp|brunch|ember|farm|vite)\b"
"""Development servers of pages: what their build writes is a static site."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What starts, or which site is served; and what its build needs."""

    source: str
    start: str = ""
    site: str = ""
    is_single_page: bool = False
    framework: Served | None = None
    before: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()


def choose(application: Application, manager: Manager, declared: Declarations, scripts: dict[str, str], *, has_build: bool) -> Chosen:
    tree, manifest = application.tree, application.manifest
    framework = find_framework(application)
    if declared.start:
        build, line = split_build(scripts, declared.start)
        line = resolve(scripts, line)
        if not development_line(scripts, line) or (line == declared.start and declared.start_source != PROCFILE):
            line, notices = _staying(line)
            before = _build_before(application, build)
            return Chosen(declared.start_source, with_address(application, line), framework=framework, before=before, notices=notices)
    for name in (*PRODUCTION_SCRIPTS, "start"):
        build, line = split_build(scripts, resolve(scripts, scripts.get(name, "")))
        if line and not development_line(scripts, line) and not _is_served_otherwise(line, framework):
            return _script(application, manager, scripts, Line(line, name, build), framework)
    start, origin = (declared.start, f"{declared.start_source}: web") if declared.start else (scripts.get("start", ""), "script start")
    whole = resolve(scripts, start or scripts.get("dev", "") or scripts.get("serve", ""))
    watched = development_line(scripts, whole) or whole
    unused = _unused(origin, watched) if start else ""
    build, served = split_build(scripts, watched)
    line = production_line(tree, manifest, served, has_build=has_build or bool(build)) if watched else ""
    has_own_server = application.has(*SERVERS) and bool(line or _server_file(tree, manifest, has_build=has_build))
    if framework and not (framework.name in ("Vite", "Parcel") and has_own_server):
        if framework.refusal:
            raise BuildFailure(NOT_RECOGNIZED, f"{framework.refusal}, or add a script start:prod.")
        notices = (f"{unused}; it is not used in production",) if unused else ()
        return Chosen(framework.name, framework.start, framework.site, framework.is_single_page, framework, notices=notices)
    if line:
        if preparation := before_server(served):
            line = f"{preparation}exec {line}"
        notice = f"{unused or _unused('script dev', watched)}; started is: {line}"
        return Chosen("what the development server watches", line, framework=framework, before=_build_before(application, build), notices=(notice,))
    if start and has_build and re.match(BROWSER_SERVERS, development_server(watched)):
        return Chosen("static site from script build", site=any_of(*OUTPUT_FOLDERS), notices=(f"{unused}; the site of script build is served",))
    if start:
        advice = "Add a script start:prod, or a Procfile with a line `web: …`, that starts the application for production."
        raise BuildFailure(NOT_RECOGNIZED, f"{unused[0].upper()}{unused[1:]}: {resolve(scripts, start)}. {advice}")
    return _without_script(application, has_build=has_build)


def _unused(origin: str, line: str) -> str:
    """Say why a start line is not used."""
    server = development_server(line)
    return f"{origin} runs {server_name(server)}, a development server" if server else f"{origin} ({line}) does not serve what the build writes"


def _is_served_otherwise(line: str, framework: Served | None) -> bool:
    """Whether a framework's server cannot serve what its build writes: an exported site, a standalone server."""
    programs = r"(?:(?:cross-env|env)\s+)?(?:\w+=\S*\s+)*(next\s+start|nuxt\s+start|react-router-serve|remix-serve)\b"
    return framework is not None and re.match(programs, line) is not None and (bool(framework.site) or "standalone" in framework.start)


def only_application(tree: Tree) -> str:
    """Return the folder of a workspace's only application, relative to its root, "" where the root starts something itself.

    Raises BuildFailure(not-recognized) if there are several: the sentence names them.
    """
    manifest = tree.json("package.json") if tree.has("package.json") else {}
    members = workspace_members(tree) if manifest else ()
    scripts = scripts_of(manifest)
    own = [name for name in (*PRODUCTION_SCRIPTS, "start") if name in scripts and not development_line(scripts, resolve(scripts, scripts[name]))]
    if not members or own or find_framework(Application(tree, manifest)) or tree.first(*SERVER_FILES):
        return ""
    found = [member for member in members if _is_application(tree.from_root(member))]
    relative = [member if tree.directory == "." else member.removeprefix(f"{tree.directory}/") for member in found]
    if len(found) > 1:
        listed = ", ".join(found)
        detail = f"The workspace has several applications: {listed}. Set the base directory to one of them, or add a script start to package.json."
        raise BuildFailure(NOT_RECOGNIZED, detail)
    return relative[0] if relative else ""


def _is_application(tree: Tree) -> bool:
    manifest = tree.json("package.json")
    scripts = scripts_of(manifest)
    is_library = "main" in manifest or "exports" in manifest or "module" in manifest
    return any(name in scripts for name in (*PRODUCTION_SCRIPTS, "start")) or (
        find_framework(Application(tree, manifest)) is not None and not is_library
    )


def _script(application: Application, manager: Manager, scripts: dict[str, str], line: Line, framework: Served | None) -> Chosen:
    """Start a script. A `prestart` that builds becomes a step of the build, another one runs before the start."""
    staying, notices = _staying(line.command)
    command, before = with_address(application, staying), scripts.get(f"pre{line.source}", "")
    if needs_environment(command):
        return Chosen(f"script {line.source}", f"{manager.name} run {line.source}", framework=framework)
    steps = _build_before(application, line.build)
    if before:
        content, build = resolve(scripts, before), resolve(scripts, scripts.get("build", ""))
        if re.search(r"\b(build|tsc|webpack|babel|rollup|esbuild|compile)\b", content):
            steps += (manager.run(f"pre{line.source}", application.tree.directory),) if content != build else ()
        elif "&&" in content or not CLEAN.match(content):  # the files of an image are those of its build
            command = f"{content} && {'' if re.search(r'[;&|()=]', command) else 'exec '}{command}"
    return Chosen(f"script {line.source}", command, framework=framework, before=steps, notices=notices)


def _staying(line: str) -> tuple[str, tuple[str, ...]]:
    """Return a line that runs until the application ends, and a notice if it is another one than the repository's."""
    staying = in_foreground(line)
    return staying, () if staying == line else (f"{line} ends and leaves the application in the background; started is: {staying}",)


def _build_before(application: Application, line: str) -> tuple[Step, ...]:
    """Return the step for what a start line builds before it serves."""
    return (
        (Step("Building what the start command builds", ("sh", "-c", line), {"NODE_ENV": "production"}, application.tree.directory),) if line else ()
    )


def _without_script(application: Application, *, has_build: bool) -> Chosen:
    tree, manifest = application.tree, application.manifest
    file = _server_file(tree, manifest, has_build=has_build)
    is_page_script = file.rpartition("/")[2].startswith(("index.", "main.", "app.")) and not application.has(*SERVERS)
    if tree.has("index.html") and not has_build and (not file or (is_page_script and "/" not in file)):
        return Chosen("index.html", site=".")
    if file and not (has_build and is_page_script and tree.has(file)):
        return Chosen(file, f"node {file}")
    runner = next((name for name in ("tsx", "ts-node") if application.has(name)), "")
    if runner and (source := tree.first(string(manifest, "main").removeprefix("./") or "-", *TYPESCRIPT_FILES)):
        return Chosen(source, f"{runner} {source}")
    if has_build:
        return Chosen("static site from script build", site=any_of(*OUTPUT_FOLDERS))
    if page := tree.first("public/index.html", "dist/index.html", "src/index.html"):
        return Chosen(page, site=page.removesuffix("/index.html"))
    if lock := tree.first("bun.lock", "bun.lockb"):
        raise BuildFailure(UNSUPPORTED, explain("Bun", lock))
    raise BuildFailure(NOT_RECOGNIZED, _explain(tree))


def _explain(tree: Tree) -> str:
    members = [folder for path in tree.find("*/package.json", "*/*/package.json") if (folder := path.removesuffix("/package.json"))]
    runnable = [folder for folder in members if set(scripts_of(tree.at(folder).json("package.json"))) & {"start", "build", "start:prod", "dev"}]
    if runnable:
        listed = ", ".join(runnable[:8])
        return f"package.json has no script `start`, but these folders have applications: {listed}. Set the base directory to one of them."
    return (
        "Node.js application (package.json) without a start command. Add a script `start` or a Procfile with a line `web: …`; "
        "for a static site, add a script `build` or an index.html."
    )


def _server_file(tree: Tree, manifest: dict[str, Any], *, has_build: bool) -> str:
    """Return the file that `node` runs: package.json's `main`, a conventional name, or what TypeScript compiles."""
    main = string(manifest, "main").removeprefix("./")
    for name in (main, f"{main}.js", f"{main}/index.js"):
        if main and tree.has(name) and JAVASCRIPT.search(name):
            return name
    if found := tree.first(*SERVER_FILES):
        return found
    if main and has_build and JAVASCRIPT.search(main) and main != "index.js":
        return main
    source = tree.first(*TYPESCRIPT_FILES)
    has_server = any(name in table(manifest, "dependencies") for name in SERVERS)
    return compiled_path(tree, source) if source and has_build and has_server else ""
