"""Choose the plan of a repository: the builder, the language, and what is named in notices."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from knative.builder.failure import NOT_RECOGNIZED, UNSUPPORTED, BuildFailure
from knative.builder.planning import go, java, node, php, python, ruby, static
from knative.builder.planning.declarations import Declarations, base_directory_of, build_step, read_declarations, usable_processes
from knative.builder.planning.development import development_server, server_name
from knative.builder.planning.node_scripts import scripts_of
from knative.builder.planning.node_start import only_application
from knative.builder.planning.plan import BuildSettings, Plan
from knative.builder.planning.procfile import PROCFILE
from knative.builder.planning.project_file import PROJECT_FILE
from knative.builder.planning.tree import Tree, join
from knative.builder.planning.unsupported import SUPPORTED, find_unsupported, find_unsupported_below

Detect = Callable[[Tree, Declarations], Plan | None]
PROVIDERS: dict[str, Detect] = {
    "php": php.detect, "go": go.detect, "java": java.detect, "ruby": ruby.detect, "python": python.detect, "node": node.detect,
}  # fmt: skip
"""In order: a repository with several manifests is what the first of them says, unless its start command names another one."""
COMMANDS = {
    "php": r"heroku-php-\w+|php\d*|vendor/bin/heroku-php",
    "java": r"java|mvn|\./mvnw|\./gradlew",
    "ruby": r"bundle|ruby|rails|rackup|puma|unicorn|\S*bin/rails",
    "python": r"python[\d.]*|gunicorn|uvicorn|hypercorn|daphne|waitress-serve|flask|streamlit|uv|poetry|pipenv|fastapi|sanic|chainlit",
    "node": r"node|npm|npx|yarn|pnpm|next|nuxt|ts-node|tsx|serve|pm2-runtime|pm2",
}
"""Programs of start commands → language."""
DOCKERFILES = ("Dockerfile", "Containerfile", "dockerfile")
MISNAMED = re.compile(r"(docker|container)file.+|.+\.dockerfile", re.IGNORECASE)
MANIFESTS = (
    "Procfile", "requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "package.json", "go.mod", "Gemfile", "composer.json", "index.php",
    "pom.xml", "build.gradle", "build.gradle.kts", "index.html", "manage.py", "Dockerfile",
)  # fmt: skip
OTHER_PLATFORMS = ("fly.toml", "render.yaml", "railway.json", "railway.toml", "railpack.json", "nixpacks.toml", "vercel.json", "netlify.toml",
                   "heroku.yml", "project.toml",
                   "app.yaml", "docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml",
                   "captain-definition", "DOKKU_SCALE")  # fmt: skip
NEEDED = (
    "a Procfile with a line `web: …`, requirements.txt or pyproject.toml (Python), package.json (Node.js), "
    "go.mod (Go), Gemfile (Ruby), composer.json (PHP), pom.xml or build.gradle (Java), index.html (static site), or a Dockerfile"
)


def make_plan(tree: Tree, settings: BuildSettings | None = None) -> Plan:
    """Plan the build of a repository. `tree`: its root. Raises BuildFailure(not-recognized | unsupported | build-failed)."""
    settings = settings or BuildSettings()
    application = find_base_directory(tree, settings)
    declared = read_declarations(application, settings)
    if not declared.start and (member := only_application(application)):
        notice = f"the workspace's only application is built: {member}"
        application, declared = application.at(member), replace(declared, notices=(notice, *declared.notices))
    plan = _plan(application, declared)
    notices = [*plan.notices, *declared.notices, *_other_notices(application, plan, declared)]
    return replace(
        plan,
        release=declared.release,
        processes=usable_processes(declared.processes),
        variables={**plan.variables, **declared.variables},
        health=declared.health,
        port=declared.port,
        directory=application.directory,
        notices=tuple(dict.fromkeys(notices)),
    )


def find_base_directory(tree: Tree, settings: BuildSettings) -> Tree:
    """Return the folder of the application. Raises BuildFailure(not-recognized) if there is no such folder; the sentence lists candidates."""
    chosen = settings.directory.strip().strip("/")
    source = "Base directory" if chosen else f"Base directory of {PROJECT_FILE}"
    directory = chosen or base_directory_of(tree)
    if join(directory or ".") == ".":
        return tree
    folder = join(directory)
    if folder in tree.folders and ".git" not in PurePosixPath(folder).parts:
        return tree.at(folder)
    likely = candidates(tree) or sorted({path.partition("/")[0] for path in tree.folders})
    raise BuildFailure(NOT_RECOGNIZED, f'{source} "{directory}" does not exist in the repository. Folders: {", ".join(likely[:20]) or "none"}.')


def candidates(tree: Tree) -> list[str]:
    """Return the folders below that look like applications, the uppermost first."""
    found = [path.rpartition("/")[0] for path in tree.find(*(f"{depth}{name}" for depth in ("*/", "*/*/") for name in MANIFESTS))]
    folders = list(dict.fromkeys(found))
    return [folder for folder in folders if not any(folder.startswith(f"{other}/") and other in folders for other in folders)]


def _plan(tree: Tree, declared: Declarations) -> Plan:
    builder, dockerfile = declared.builder or "auto", tree.first(*DOCKERFILES)
    if builder == "buildpack":
        detail = f"The builder buildpack ({declared.builder_source}) needs a cluster. On one machine choose auto, native or dockerfile."
        raise BuildFailure(UNSUPPORTED, detail)
    if builder == "dockerfile":
        if not dockerfile:
            others = [path for path in tree.paths if PurePosixPath(path).name in DOCKERFILES][:8]
            found = f" There are: {', '.join(others)}; set the base directory." if others else " Add one, or choose the builder native."
            raise BuildFailure(NOT_RECOGNIZED, f"The builder is dockerfile ({declared.builder_source}), but there is no Dockerfile.{found}")
        return _of_dockerfile(tree, declared, dockerfile, f"builder dockerfile ({declared.builder_source})")
    try:
        plan = _native(tree, declared)
    except BuildFailure as failure:
        if not dockerfile or failure.reason not in (NOT_RECOGNIZED, UNSUPPORTED):
            raise
        if builder == "native":
            advice = f"There is a {dockerfile}; set the builder to auto or dockerfile to use it."
            raise BuildFailure(failure.reason, f"{failure.detail} {advice}") from failure
        cause = (
            failure.detail.split(". ")[0].rstrip(".") if failure.reason == UNSUPPORTED or "start" in failure.detail[:90] else "no language recognized"
        )
        return _of_dockerfile(tree, declared, dockerfile, cause)
    is_plain_site = plan.kind in ("static", "procfile") and not plan.toolchains
    if builder == "auto" and dockerfile and is_plain_site:
        return _of_dockerfile(tree, declared, dockerfile, "no language recognized")
    return plan


def _of_dockerfile(tree: Tree, declared: Declarations, dockerfile: str, reason: str) -> Plan:
    """The image's own command starts, unless a setting or capsule.toml names another one."""
    is_override = bool(declared.start) and declared.start_source != PROCFILE
    notices = () if is_override or not declared.start else (f"Procfile: web is not used, the command of {dockerfile} starts: {declared.start}",)
    return Plan("dockerfile", f"{dockerfile}; {reason}", start=declared.start if is_override else "", dockerfile=dockerfile, notices=notices)


def _native(tree: Tree, declared: Declarations) -> Plan:
    unsupported = find_unsupported(tree)
    if unsupported and not _is_another_language(tree):
        raise BuildFailure(UNSUPPORTED, unsupported)
    failure: BuildFailure | None = None
    for name in _order(declared):
        try:
            plan = PROVIDERS[name](tree, declared)
        except BuildFailure as error:
            if error.reason != NOT_RECOGNIZED:
                raise
            failure = failure or error
            continue
        if plan is not None and (failure is None or plan.start):
            return plan
    if failure is not None:
        raise failure
    if declared.start:
        return Plan("procfile", declared.start_source, steps=build_step(tree, declared), start=declared.start)
    if (site := static.detect(tree, declared)) is not None:
        return site
    if tree.has("start.sh"):
        return Plan("procfile", "start.sh", start="sh start.sh")
    raise _unrecognized(tree, declared)


def _order(declared: Declarations) -> list[str]:
    """Providers in order: first the language of the start command, then those that app.json names, the last buildpack first."""
    first = [
        name
        for name, programs in COMMANDS.items()
        if re.match(rf"(?:exec\s+|env\s+|cd\s+\S+\s*&&\s*|\w+=\S*\s+)*(?:{programs})(?=\s|$)", declared.start)
    ]
    named = [name for name in reversed(declared.buildpacks) if name in PROVIDERS]
    return list(dict.fromkeys([*first, *named, *PROVIDERS]))


def _is_another_language(tree: Tree) -> bool:
    """Whether a manifest of a language that Capsule builds lies beside that of an unsupported one (a Rust extension of a Python package)."""
    if tree.has("requirements.txt", "pyproject.toml", "Pipfile", "go.mod", "Gemfile", "composer.json", "pom.xml"):
        return True
    scripts = scripts_of(tree.json("package.json")) if tree.has("package.json") else {}
    started = " ".join(scripts.get(name, "") for name in ("start:prod", "start"))
    return re.search(r"\b(node|next|nuxt|tsx|ts-node|nest|remix-serve|npm|yarn|pnpm|nodemon)\b", started) is not None


def _unrecognized(tree: Tree, declared: Declarations) -> BuildFailure:
    """Say what to add to a repository that is not recognized."""
    misnamed = [name for name in tree.names if tree.has(name) and MISNAMED.fullmatch(name) and name not in DOCKERFILES]
    if misnamed and not tree.first(*DOCKERFILES):
        advice = f"Rename {'it' if len(misnamed) == 1 else 'one of them'} to Dockerfile"
        if folders := candidates(tree):
            advice += f", or set the base directory to build a folder: {', '.join(folders[:8])}"
        return BuildFailure(NOT_RECOGNIZED, f"No language is recognized. {', '.join(misnamed)}: only Dockerfile is read. {advice}.")
    if sentence := find_unsupported(tree, is_last_resort=True):
        return BuildFailure(UNSUPPORTED, sentence)
    if declared.has_procfile:
        return BuildFailure(NOT_RECOGNIZED, "The Procfile has no line `web: …`. Add one with the command that serves HTTP on $PORT.")
    where = f'Base directory "{tree.directory}"' if tree.directory != "." else "The repository's top folder"
    if folders := candidates(tree):
        listed = ", ".join(folders[:8])
        return BuildFailure(NOT_RECOGNIZED, f"{where} has no application. To build a folder of it, set the base directory: {listed}.")
    if sentence := find_unsupported_below(tree):
        return BuildFailure(UNSUPPORTED, sentence)
    return BuildFailure(NOT_RECOGNIZED, f"{where} has none of: {NEEDED}. Files: {', '.join(tree.names[:10]) or 'none'}.")


def _other_notices(tree: Tree, plan: Plan, declared: Declarations) -> list[str]:
    """Name what the repository has and the plan does not use."""
    notices = []
    dockerfile = tree.first(*DOCKERFILES)
    if dockerfile and plan.kind != "dockerfile":
        notices.append(f"{dockerfile} ignored; building as {plan.kind}. To use it, set the builder to dockerfile")
    if others := [name for name in OTHER_PLATFORMS if tree.has(name)]:
        notices.append(f"{', '.join(others)}: settings of other tools, not used")
    if declared.start and plan.start == declared.start and (server := development_server(declared.start)):
        notices.append(f"the start command ({declared.start_source}) runs {server_name(server)}, a development server; use a production server")
    if plan.kind != "dockerfile" and (sentence := find_unsupported(tree)):
        notices.append(f"{sentence.split('. ')[0].removeprefix('This is ')} ignored; building as {plan.kind}")
    used = {"python": ("package.json",)}.get(plan.kind, ())
    manifests = {"requirements.txt": "python", "package.json": "node", "go.mod": "go", "Gemfile": "ruby", "composer.json": "php", "pom.xml": "java"}
    for file, kind in manifests.items():
        is_used = plan.kind in (kind, "dockerfile") or any(each.name == kind for each in plan.toolchains) or file in used
        if tree.has(file) and not is_used and not any(file in notice for notice in plan.notices):
            notices.append(f"{file} ignored; building as {plan.kind}")
    return notices


__all__ = ["SUPPORTED", "candidates", "find_base_directory", "make_plan"]
