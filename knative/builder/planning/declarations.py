"""What an application declares about itself, in order of precedence: settings, capsule.toml, Procfile, app.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.app_json import read_app_json
from knative.builder.planning.plan import BuildSettings, Step
from knative.builder.planning.procfile import PROCFILE, read_procfile
from knative.builder.planning.tree import Tree, string, table

PROJECT_FILE = "capsule.toml"
PROJECT_KEYS = {
    "": ("app", "environment"),
    "build": ("directory", "builder", "command"),
    "deploy": ("start", "release", "health_path", "port"),
}
BUILDERS = ("auto", "native", "dockerfile", "buildpack")


@dataclass(frozen=True, slots=True)
class Declarations:
    """Empty: nothing declares it, detection decides."""

    start: str = ""
    start_source: str = ""
    """Where the start command comes from: "Procfile", "the application's setting"."""
    release: str = ""
    build: str = ""
    builder: str = ""
    builder_source: str = ""
    health: str = ""
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
        return replace(
            self,
            start=start.start,
            start_source=start.start_source,
            release=self.release or lower.release,
            build=self.build or lower.build,
            builder=builder.builder,
            builder_source=builder.builder_source,
            health=self.health or lower.health,
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
        build=settings.build_command.strip(),
        builder=settings.builder.strip(),
        builder_source="the application's setting",
    )
    project = _read_project(tree)
    for ancestor in tree.ancestors[-1:]:
        project = project.over(_read_project(ancestor))
    procfile, app = read_procfile(tree), read_app_json(tree)
    declared = own.over(project).over(
        Declarations(
            start=procfile.commands.get("web", ""),
            start_source=PROCFILE,
            release=procfile.commands.get("release", ""),
            processes={name: line for name, line in procfile.commands.items() if name not in ("web", "release")},
            has_procfile=procfile.exists,
            notices=procfile.notices,
        )
    )
    declared = declared.over(
        Declarations(release=app.release, health=app.health, variables=app.variables, buildpacks=app.buildpacks, notices=app.notices)
    )
    if declared.builder and declared.builder not in BUILDERS:
        detail = f'Builder "{declared.builder}" ({declared.builder_source}) does not exist. Builders: {", ".join(BUILDERS)}.'
        raise BuildFailure(NOT_RECOGNIZED, detail)
    if declared.health and not declared.health.startswith("/"):
        raise BuildFailure(NOT_RECOGNIZED, f'Health path "{declared.health}" does not begin with /. Write it as in a URL: /{declared.health}')
    return replace(declared, notices=(*declared.notices, *_process_notices(declared)))


def build_step(tree: Tree, declared: Declarations) -> tuple[Step, ...]:
    """Return the step of the build command that settings or capsule.toml declare."""
    return (Step("Running the build command", ("sh", "-c", declared.build), directory=tree.directory),) if declared.build else ()


def base_directory_of(tree: Tree) -> str:
    """Return `[build] directory` of the root's capsule.toml. `tree`: the repository's root."""
    return string(tree.toml(PROJECT_FILE), "build", "directory").strip("/")


def _read_project(tree: Tree) -> Declarations:
    content = tree.toml(PROJECT_FILE)
    if not content:
        return Declarations()
    unknown = [f"[{name}]" for name, value in content.items() if isinstance(value, dict) and name not in (*PROJECT_KEYS, "processes")]
    unknown += [name for name, value in content.items() if not isinstance(value, dict) and name not in PROJECT_KEYS[""]]
    for section in ("build", "deploy"):
        unknown += [f"{section}.{name}" for name in table(content, section) if name not in PROJECT_KEYS[section]]
    processes = {name: line.strip() for name, line in table(content, "processes").items() if isinstance(line, str) and line.strip()}
    known = [*PROJECT_KEYS[""], *(f"{section}.{key}" for section in ("build", "deploy") for key in PROJECT_KEYS[section]), "processes"]
    notices = (f"{tree.place(PROJECT_FILE)}: {', '.join(unknown)} is not known and not used; known are {', '.join(known)}",) if unknown else ()
    web, release = processes.pop("web", ""), processes.pop("release", "")
    return Declarations(
        start=string(content, "deploy", "start") or web,
        start_source=PROJECT_FILE,
        release=string(content, "deploy", "release") or release,
        build=string(content, "build", "command"),
        builder=string(content, "build", "builder"),
        builder_source=PROJECT_FILE,
        health=string(content, "deploy", "health_path"),
        port=_port(tree, table(content, "deploy").get("port", 0)),
        processes=processes,
        notices=notices,
    )


def _port(tree: Tree, value: object) -> int:
    """Raises BuildFailure(not-recognized) if it is no port."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 16:
        return value
    raise BuildFailure(NOT_RECOGNIZED, f"{tree.place(PROJECT_FILE)}: deploy.port is {value!r}. Write a number from 1 to 65535: port = 3000")


def _process_notices(declared: Declarations) -> list[str]:
    if not declared.processes:
        return []
    lines = "; ".join(f"{name}: {line}" for name, line in declared.processes.items())
    return [f"only the web process runs; not started: {lines}"]
