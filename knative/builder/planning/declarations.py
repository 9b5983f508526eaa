"""What an application declares about itself, in order of precedence: settings, capsule.toml, Procfile, app.json."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.app_json import APP_JSON, read_app_json
from knative.builder.planning.plan import BuildSettings, Step
from knative.builder.planning.procfile import PROCFILE, read_procfile
from knative.builder.planning.project_file import PROJECT_FILE, ProjectFile, read_project_file
from knative.builder.planning.tree import Tree

BUILDERS = ("auto", "native", "dockerfile", "buildpack")
MAX_COMMAND_LENGTH = 1000
MAX_PROCESSES, MAX_PROCESSES_LENGTH = 10, 1500
"""Process types beside web that a build reports, and their characters in all: a termination message has 4,096 bytes."""
PROCESS_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
COMMAND = re.compile(r"[^\x00-\x1f\x7f]*")
HEALTH_PATH = re.compile(r"/[!-~]{0,199}")
"""The limits of the application's settings, for which a release command and a health path of the repository stand in."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """Empty: nothing declares it, detection decides."""

    start: str = ""
    start_source: str = ""
    """Where the start command comes from: "Procfile", "the application's setting"."""
    release: str = ""
    release_source: str = ""
    build: str = ""
    builder: str = ""
    builder_source: str = ""
    health: str = ""
    health_source: str = ""
    port: int = 0
    processes: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    buildpacks: tuple[str, ...] = ()
    """Languages that app.json names, in order."""
    has_procfile: bool = False
    notices: tuple[str, ...] = ()

    def over(self, lower: "Declarations") -> "Declarations":
        """Return these with the gaps filled from `lower`."""
        start = self if self.start else lower
        builder = self if self.builder else lower
        release = self if self.release else lower
        health = self if self.health else lower
        return replace(
            self,
            start=start.start,
            start_source=start.start_source,
            release=release.release,
            release_source=release.release_source,
            build=self.build or lower.build,
            builder=builder.builder,
            builder_source=builder.builder_source,
            health=health.health,
            health_source=health.health_source,
            port=self.port or lower.port,
            processes={**lower.processes, **self.processes},
            variables={**lower.variables, **self.variables},
            buildpacks=self.buildpacks or lower.buildpacks,
            has_procfile=self.has_procfile or lower.has_procfile,
            notices=(*self.notices, *lower.notices),
        )


def read_declarations(tree: Tree, settings: BuildSettings) -> Declarations:
    """Read all sources. `tree`: the base directory. Raises BuildFailure(not-recognized | build-failed) for values that cannot be used."""
    own = Declarations(
        start=settings.start_command.strip(),
        start_source="the application's setting",
        release=settings.release_command.strip(),
        release_source="the application's setting",
        build=settings.build_command.strip(),
        builder=settings.builder.strip(),
        builder_source="the application's setting",
    )
    project = _of_project(read_project_file(tree))
    for ancestor in tree.ancestors[-1:]:
        project = project.over(_of_project(read_project_file(ancestor)))
    procfile, app = read_procfile(tree), read_app_json(tree)
    declared = own.over(project).over(
        Declarations(
            start=procfile.commands.get("web", ""),
            start_source=PROCFILE,
            release=procfile.commands.get("release", ""),
            release_source=PROCFILE,
            processes={name: line for name, line in procfile.commands.items() if name not in ("web", "release")},
            has_procfile=procfile.exists,
            notices=procfile.notices,
        )
    )
    is_usable = HEALTH_PATH.fullmatch(app.health) is not None
    unusable = f"{APP_JSON}: the health path {app.health!r} is not a path of a URL and not used" if app.health and not is_usable else ""
    declared = declared.over(
        Declarations(
            release=app.release,
            release_source=APP_JSON,
            health=app.health if is_usable else "",
            health_source=APP_JSON,
            variables=app.variables,
            buildpacks=app.buildpacks,
            notices=(*app.notices, *filter(None, [unusable])),
        )
    )
    if declared.builder and declared.builder not in BUILDERS:
        detail = f'Builder "{declared.builder}" ({declared.builder_source}) does not exist. Builders: {", ".join(BUILDERS)}.'
        raise BuildFailure(NOT_RECOGNIZED, detail)
    if declared.release_source != own.release_source:
        declared = replace(declared, release=declared.release.replace("\t", " "))
    _check_release(declared, tree.directory)
    if declared.health and not HEALTH_PATH.fullmatch(declared.health):
        place = f"Health path {declared.health!r} ({declared.health_source})"
        if re.fullmatch(r"[!-~]{1,199}", declared.health) and not declared.health.startswith("/"):
            raise BuildFailure(NOT_RECOGNIZED, f"{place} does not begin with /. Write it as in a URL: /{declared.health}")
        raise BuildFailure(NOT_RECOGNIZED, f"{place} is not a path of a URL. Begin with /, without spaces, at most 200 characters: /healthy")
    return replace(declared, notices=(*declared.notices, *_process_notices(declared)))


def build_step(tree: Tree, declared: Declarations) -> tuple[Step, ...]:
    """Return the step of the build command that settings or capsule.toml declare."""
    return (Step("Running the build command", ("sh", "-c", declared.build), directory=tree.directory),) if declared.build else ()


def base_directory_of(tree: Tree) -> str:
    """Return `[build] directory` of the root's capsule.toml. `tree`: the repository's root. Raises BuildFailure."""
    return read_project_file(tree).directory.strip("/")


def _of_project(project: ProjectFile) -> Declarations:
    return Declarations(
        start=project.start,
        start_source=PROJECT_FILE,
        release=project.release,
        release_source=PROJECT_FILE,
        build=project.command,
        builder=project.builder,
        builder_source=PROJECT_FILE,
        health=project.health_path,
        health_source=PROJECT_FILE,
        port=project.port,
        processes=project.processes,
        notices=project.notices,
    )


def _check_release(declared: Declarations, directory: str) -> None:
    """Refuse what the platform would not run. A release without its migrations would look like a good one.

    `directory`: the base directory; the platform's line changes to it first.
    """
    prefix = "" if directory == "." else f"cd {shlex.quote(directory)} && "
    fault, limit = "", MAX_COMMAND_LENGTH - len(f"exec {prefix}")
    if len(declared.release) > limit:
        fault = f"has {len(declared.release):,} characters; the limit is {limit:,}"
    elif not COMMAND.fullmatch(declared.release):
        fault = "has several lines or a control character"
    if fault:
        example = {PROJECT_FILE: 'release = "sh release.sh"', PROCFILE: "release: sh release.sh"}.get(declared.release_source, "sh release.sh")
        advice = f"Put it into a script of the repository and name the script: {example}"
        raise BuildFailure(NOT_RECOGNIZED, f"The release command ({declared.release_source}) {fault}. {advice}")


def usable_processes(processes: Mapping[str, str]) -> dict[str, str]:
    """Return the process types that can run beside web: with the names that the platform accepts, as many as it accepts, short enough to report."""
    found: dict[str, str] = {}
    length = 0
    for name, line in processes.items():
        length += len(name) + len(line)
        if PROCESS_NAME.fullmatch(name) and COMMAND.fullmatch(line) and len(found) < MAX_PROCESSES and length <= MAX_PROCESSES_LENGTH:
            found[name] = line
    return found


def _process_notices(declared: Declarations) -> list[str]:
    unusable = {name: line for name, line in declared.processes.items() if name not in usable_processes(declared.processes)}
    if not unusable:
        return []
    lines = "; ".join(f"{name}: {line}" for name, line in unusable.items())
    rule = f"a name has 1–20 lower-case letters, digits and dashes; {MAX_PROCESSES} types and {MAX_PROCESSES_LENGTH:,} characters at most"
    return [f"process types that cannot run: {lines} ({rule})"]
