"""Plan applications with a package.json (devcenter.heroku.com/articles/nodejs-support, railpack.com/languages/node).

The application starts with the line of its script, without the package manager, which would keep a process and swallow signals.
"""

import re
from dataclasses import replace
from typing import Any

from knative.builder.failure import UNSUPPORTED, BuildFailure
from knative.builder.planning.declarations import Declarations
from knative.builder.planning.node_frameworks import Application, find_framework
from knative.builder.planning.node_packages import LIFECYCLE, Manager, choose_manager, siblings_of
from knative.builder.planning.node_scripts import called_script, needs_development, resolve, scripts_of
from knative.builder.planning.node_start import Chosen, choose
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.tree import Tree, string, table
from knative.builder.planning.unsupported import explain
from knative.builder.planning.versions import node_toolchain

BUILD_NAME = re.compile(r"(^|:)build(:|$)")
WATCH = re.compile(r"\s(?:--watch|-w)(?![\w-])")
MAX_CONFIG_ENTRIES, MAX_VALUE_CHARACTERS = 100, 1000
"""Of `config` in package.json: the rest would fill what execve(2) has for variables."""


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure(not-recognized | build-failed | unsupported)."""
    if not tree.has("package.json"):
        return None
    manifest = tree.json("package.json")
    manager = choose_manager(tree, manifest)
    application = Application(tree, manifest, manager.root.directory)
    scripts = scripts_of(manifest)
    build_script = _build_script(application, scripts)
    chosen = choose(application, manager, declared, scripts, has_build=bool(build_script or declared.build))
    if manager.is_berry:  # installed into node_modules, so there is no .pnp.cjs
        chosen = replace(chosen, start=re.sub(r"\s(?:-r|--require|--import|--loader)[ =]\S*\.pnp\.(?:cjs|loader\.mjs)", "", chosen.start))
    _refuse_bun(tree, scripts, chosen.start)
    builds = _builds(application, manager, declared, chosen, build_script)
    keeps_development = bool(builds) or any(name in scripts for name in LIFECYCLE) or manager.is_workspace
    lines = "\n".join(filter(None, (chosen.start, resolve(scripts, declared.release))))
    needs = bool(chosen.start) and needs_development(tree, manifest, lines)
    install = manager.install(is_production=not keeps_development and not needs and bool(chosen.start))
    prune = manager.prune() if chosen.start and keeps_development and not needs else ()
    linked = _linked(application, manager)
    if chosen.site and not builds:
        return Plan("static", f"package.json, {chosen.source}", site=chosen.site, is_single_page=chosen.is_single_page)
    is_manager_needed = re.search(rf"\b{manager.name}\b", lines + declared.release) is not None
    linker = {"YARN_NODE_LINKER": "node-modules"} if manager.is_berry and is_manager_needed else {}
    script = {} if is_manager_needed else _script_variables(manager, chosen, declared, scripts)
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
        variables={"NODE_ENV": "production", **linker, **_package_variables(manifest), **script} if chosen.start else {},
        site=chosen.site,
        is_single_page=chosen.is_single_page,
        notices=(*manager.notices, *chosen.notices),
    )


def _package_variables(manifest: dict[str, Any]) -> dict[str, str]:
    """Return what package managers tell a script about its package: name, version, and `config` without its tables and lists.

    docs.npmjs.com/cli/using-npm/scripts, "package.json vars". A value that is no line of text is left out.
    """
    config = list(table(manifest, "config").items())[:MAX_CONFIG_ENTRIES]
    found = [(f"config_{name}", _variable(value)) for name, value in config if re.fullmatch(r"\w+", name, re.ASCII)]
    found += [(name, _variable(value)) for name in ("name", "version") if (value := string(manifest, name))]
    return {f"npm_package_{name}": value for name, value in found if value is not None}


def _script_variables(manager: Manager, chosen: Chosen, declared: Declarations, scripts: dict[str, str]) -> dict[str, str]:
    """Return what package managers tell a script about themselves; empty if the start line is no script's.

    docs.npmjs.com/cli/using-npm/scripts, "current lifecycle event", and /config#user-agent. Versions are those of an image that is not built yet: as
    Yarn writes those that it does not know (`npm/?`).
    """
    name = chosen.source.removeprefix("script ") if chosen.source.startswith("script ") else called_script(scripts, declared.start)
    agent = " ".join(dict.fromkeys((f"{manager.name}/?", "npm/?", "node/?", "linux")))
    return {"npm_lifecycle_event": name, "npm_config_user_agent": agent} if name else {}


def _variable(value: object) -> str | None:
    """Return a scalar as npm writes it (`false` and `null` are empty); None for what is no line of text."""
    if value is None or value is False:
        return ""
    text = "true" if value is True else str(value) if isinstance(value, str | int | float) else "\0"
    return text if text.isprintable() and len(text) <= MAX_VALUE_CHARACTERS and "{root}" not in text else None


def _build_script(application: Application, scripts: dict[str, str]) -> str:
    """Return the script that builds: Heroku's, `build`, or the only other one that does nothing but the framework's build (`docs:build`).

    A script that begins with the build may go on to serve or publish it (`next build && next start`).
    """
    if own := next((name for name in ("heroku-postbuild", "build") if name in scripts), ""):
        return own
    framework = find_framework(application)
    program = re.escape(framework.build) if framework and framework.build else "$^"
    whole = re.compile(rf"(?:cross-env\s+)?(?:\w+=\S+\s+)*(?:npx\s+)?{program}(?:\s[^;&|\n]*)?")
    named = [name for name, line in scripts.items() if BUILD_NAME.search(name) and whole.fullmatch(line) and not WATCH.search(line)]
    return named[0] if len(named) == 1 else ""


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
    elif framework and (chosen.start == framework.start or chosen.site) and framework.build and not _is_built(chosen, framework.build):
        steps.append(Step(f"Building with {framework.name}", ("sh", "-c", framework.build), variables, directory))
    if steps and framework and framework.steps and "standalone" in chosen.start:
        steps += framework.steps
    siblings = [
        manager.run("build", sibling.directory, NODE_ENV="production")
        for sibling in siblings_of(application.tree, application.manifest, manager)
        if "build" in scripts_of(sibling.manifest) and not declared.build
    ]
    return (*siblings, *steps, *chosen.before)


def _is_built(chosen: Chosen, build: str) -> bool:
    """Whether the start line builds itself: `next build && next start`."""
    return any(build in step.command[-1] for step in chosen.before)


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
