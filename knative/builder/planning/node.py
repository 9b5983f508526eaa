"""Plan applications with a package.json (devcenter.heroku.com/articles/nodejs-support, railpack.com/languages/node).

The application starts with the line of its script, without the package manager, which would keep a process and swallow signals.
"""

import re
from dataclasses import dataclass
from typing import Any

from knative.builder.failure import NOT_RECOGNIZED, UNSUPPORTED, BuildFailure
from knative.builder.planning.declarations import Declarations
from knative.builder.planning.development import development_server, server_name
from knative.builder.planning.node_frameworks import Application, Served, find_framework, with_address
from knative.builder.planning.node_packages import LIFECYCLE, Manager, choose_manager, siblings_of
from knative.builder.planning.node_scripts import (
    JAVASCRIPT,
    Line,
    compiled_path,
    needs_development,
    needs_environment,
    production_line,
    resolve,
    scripts_of,
)
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.sites import OUTPUT_FOLDERS, any_of
from knative.builder.planning.tree import Tree, string, table
from knative.builder.planning.unsupported import explain
from knative.builder.planning.versions import node_toolchain

PRODUCTION_SCRIPTS = ("start:prod", "start:production", "start-prod", "serve:prod", "prod", "production")
SERVER_FILES = ("server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "app.mjs", "server.cjs", "index.cjs", "bin/www", "src/server.js",
                "src/index.js", "src/app.js", "src/main.js", "server/index.js", "server/server.js", "src/index.mjs")  # fmt: skip
TYPESCRIPT_FILES = ("src/index.ts", "src/server.ts", "src/main.ts", "src/app.ts", "index.ts", "server.ts", "app.ts", "main.ts")
SERVERS = ("express", "fastify", "koa", "@hapi/hapi", "hono", "@hono/node-server", "restify", "polka", "socket.io", "ws", "apollo-server", "@apollo/server",
           "@feathersjs/express", "sails", "h3", "json-server")  # fmt: skip


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


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure(not-recognized | build-failed | unsupported)."""
    if not tree.has("package.json"):
        return None
    manifest = tree.json("package.json")
    manager = choose_manager(tree, manifest)
    application = Application(tree, manifest, manager.root.directory)
    scripts = scripts_of(manifest)
    build_script = "heroku-postbuild" if "heroku-postbuild" in scripts else "build" if "build" in scripts else ""
    chosen = _choose(application, manager, declared, scripts, has_build=bool(build_script or declared.build))
    _refuse_bun(tree, scripts, chosen.start)
    builds = _builds(application, manager, declared, chosen, build_script)
    keeps_development = bool(builds) or any(name in scripts for name in LIFECYCLE) or manager.is_workspace
    needs = bool(chosen.start) and needs_development(tree, manifest, chosen.start)
    install = manager.install(is_production=not keeps_development and not needs and bool(chosen.start))
    prune = manager.prune() if chosen.start and keeps_development and not needs else ()
    linked = _linked(application, manager)
    is_manager_needed = re.search(rf"\b{manager.name}\b", chosen.start) is not None
    return Plan(
        kind="node" if chosen.start else "static",
        reason=f"{tree.place('package.json') if manager.is_workspace else 'package.json'}, {manager.name}, {chosen.source}",
        toolchains=(
            node_toolchain(tree, manifest, is_needed_to_run=bool(chosen.start)),
            Toolchain(manager.name, manager.toolchain.constraint, manager.toolchain.source, is_manager_needed),
            *_other_managers(manager, scripts, chosen.start, build_script),
        ),
        steps=(*linked, install, *builds, *prune),
        start=chosen.start,
        variables={"NODE_ENV": "production"} if chosen.start else {},
        site=chosen.site,
        is_single_page=chosen.is_single_page,
        notices=(*manager.notices, *chosen.notices),
    )


def _choose(application: Application, manager: Manager, declared: Declarations, scripts: dict[str, str], *, has_build: bool) -> Chosen:
    tree, manifest = application.tree, application.manifest
    framework = find_framework(application)
    if declared.start:
        line = resolve(scripts, declared.start)
        if line == declared.start or not development_server(line):
            return Chosen(declared.start_source, with_address(application, line), framework=framework)
    for name in (*PRODUCTION_SCRIPTS, "start"):
        line = resolve(scripts, scripts.get(name, ""))
        if line and not development_server(line):
            return _script(application, manager, scripts, Line(line, name), framework)
    start = resolve(scripts, scripts.get("start", ""))
    watched = start or resolve(scripts, scripts.get("dev", "")) or resolve(scripts, scripts.get("serve", ""))
    notice = (f"script start runs {server_name(development_server(start))}, a development server; it is not used in production",) if start else ()
    has_server = application.has(*SERVERS)
    line = production_line(tree, manifest, watched, has_build=has_build) if watched else ""
    if framework and not (framework.name in ("Vite", "Parcel") and has_server and (line or _server_file(tree, manifest, has_build=has_build))):
        if framework.refusal:
            raise BuildFailure(NOT_RECOGNIZED, f"{framework.refusal}, or add a script start:prod.")
        return Chosen(framework.name, framework.start, framework.site, framework.is_single_page, framework, notices=notice)
    if line:
        started = (
            *notice[:0],
            f"script {'start' if start else 'dev'} runs {server_name(development_server(watched))}, a development server; started is: {line}",
        )
        return Chosen("what the development server watches", line, framework=framework, notices=started)
    if start:
        detail = (
            f"Script start runs {server_name(development_server(start))}, a development server: {start}. Add a script start:prod, or a Procfile with "
            "a line `web: …`, that starts the application for production."
        )
        raise BuildFailure(NOT_RECOGNIZED, detail)
    return _without_script(application, has_build=has_build)


def _script(application: Application, manager: Manager, scripts: dict[str, str], line: Line, framework: Served | None) -> Chosen:
    """Start a script. A `prestart` that builds becomes a step of the build, another one runs before the start."""
    command, before = with_address(application, line.command), scripts.get(f"pre{line.source}", "")
    if needs_environment(command):
        return Chosen(f"script {line.source}", f"{manager.name} run {line.source}", framework=framework)
    steps: tuple[Step, ...] = ()
    if before:
        content, build = resolve(scripts, before), resolve(scripts, scripts.get("build", ""))
        if re.search(r"\b(build|tsc|webpack|babel|rollup|esbuild|compile)\b", content):
            steps = (manager.run(f"pre{line.source}", application.tree.directory),) if content != build else ()
        else:
            command = f"{content} && {'' if re.search(r'[;&|()=]', command) else 'exec '}{command}"
    return Chosen(f"script {line.source}", command, framework=framework, before=steps)


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
    raise BuildFailure(NOT_RECOGNIZED, _explain(tree))


def _explain(tree: Tree) -> str:
    members = [folder for path in tree.find("*/package.json", "*/*/package.json") if (folder := path.removesuffix("/package.json"))]
    runnable = [folder for folder in members if set(scripts_of(tree.at(folder).json("package.json"))) & {"start", "build", "start:prod", "dev"}]
    if runnable:
        return f"package.json has no script `start`, but these folders have applications: {', '.join(runnable[:8])}. Set the base directory to one of them."
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


def _builds(application: Application, manager: Manager, declared: Declarations, chosen: Chosen, script: str) -> tuple[Step, ...]:
    """Return the steps that build the application's siblings, then the application."""
    directory = application.tree.directory
    framework = chosen.framework
    variables = {"NODE_ENV": "production", **(framework.build_variables if framework else {})}
    steps: list[Step] = []
    if declared.build:
        steps.append(Step("Running the build command", ("sh", "-c", declared.build), variables, directory))
    elif script:
        if script == "heroku-postbuild":
            steps.append(manager.run(script, directory, **variables))
        else:
            steps.append(manager.run(script, directory, **variables))
    elif framework and (chosen.start == framework.start or chosen.site) and framework.build:
        steps.append(Step(f"Building with {framework.name}", ("sh", "-c", framework.build), variables, directory))
    if steps and framework and framework.steps and "standalone" in chosen.start:
        steps += framework.steps
    siblings = [
        manager.run("build", sibling.directory, NODE_ENV="production")
        for sibling in siblings_of(application.tree, application.manifest, manager)
        if "build" in scripts_of(sibling.manifest) and not declared.build
    ]
    return (*siblings, *steps, *chosen.before)


def _linked(application: Application, manager: Manager) -> list[Step]:
    """Install packages outside of the workspace that the application links to (`file:../shared`): nothing else installs what they need."""
    steps = []
    for sibling in siblings_of(application.tree, application.manifest, manager):
        if not sibling.is_member and (table(sibling.manifest, "dependencies") or "build" in scripts_of(sibling.manifest)):
            other = choose_manager(application.tree.from_root(sibling.directory), sibling.manifest)
            step = other.install(is_production="build" not in scripts_of(sibling.manifest))
            steps.append(Step(f"Installing {sibling.directory} with {other.name}", step.command, step.variables, step.directory))
    return steps


def _other_managers(manager: Manager, scripts: dict[str, str], start: str, build: str) -> list[Toolchain]:
    """pnpm and yarn, where scripts call another package manager than the one that installs."""
    lines = " ".join([start, *(resolve(scripts, scripts.get(name, "")) for name in ("prebuild", build, "postbuild", *LIFECYCLE))])
    called = [name for name in ("pnpm", "yarn") if name != manager.name and re.search(rf"(^|[\s;&|]){name}\s", lines)]
    return [Toolchain(name, "1" if name == "yarn" else "", "", re.search(rf"\b{name}\b", start) is not None) for name in called]


def _refuse_bun(tree: Tree, scripts: dict[str, str], start: str) -> None:
    for name, line in (("start", start), ("build", scripts.get("build", ""))):
        if re.search(r"(^|[\s;&|])bunx?\s", line):
            raise BuildFailure(UNSUPPORTED, explain("Bun", f"package.json, script {name}: {line}"))
