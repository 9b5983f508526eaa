"""The plan of a build: what is installed, what runs, and what starts. Data only.

What the executor provides to every step and to the start command:

- The source lies in `/app`. Steps run in `Step.directory` of the repository, the application in the base directory.
- The programs of the toolchains are on PATH, then the application's own: `.venv/bin` and `node_modules/.bin` of the base
  directory, `vendor/bin`.
- With the toolchain `python`: a virtual environment `.venv` in the base directory, active (`VIRTUAL_ENV`,
  `UV_PROJECT_ENVIRONMENT`), and the program `uv`.
- The variables of the environment, those that the operator lets builds see, and `Step.variables`, which win.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A language or a package manager in a version."""

    name: str
    """python, node, go, ruby, php, java; npm, pnpm, yarn, uv, poetry, pipenv, bundler, composer, maven, gradle."""
    constraint: str = ""
    """In the language's own grammar (PEP 440, npm's semver ranges, Go's version, RubyGems', Composer's, a Java major). Empty: the default."""
    source: str = ""
    """The file that names the version, for messages: `.python-version`."""
    is_needed_to_run: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a build."""

    title: str
    """For the log: "Installing from requirements.txt"."""
    command: tuple[str, ...]
    """Arguments; `("sh", "-c", line)` for a line of the user's."""
    variables: Mapping[str, str] = field(default_factory=dict)
    directory: str = "."
    """Relative to the repository's root: a workspace is installed at its root."""
    tolerated: str = ""
    """A pattern (`re.search`) of a line of output with which a failed step is a notice and not a failed build. Empty: none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one repository is built and started."""

    kind: str
    """python, node, go, ruby, php, java, static, procfile, dockerfile."""
    reason: str
    """What decided: "requirements.txt, app/main.py"."""
    toolchains: tuple[Toolchain, ...] = ()
    steps: tuple[Step, ...] = ()
    start: str = ""
    """The shell line of the web process. Empty for a static site and for the command of a Dockerfile."""
    release: str = ""
    """The shell line that runs before a release takes traffic."""
    processes: Mapping[str, str] = field(default_factory=dict)
    """Process types beside web that can run, and their commands. How many instances of each run is a matter of the environment."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Defaults of the running application: a variable of the environment of the same name wins. `{root}` is the repository in the image."""
    site: str = ""
    """Where the static site is after the steps, relative to the base directory: an argument of `sites.locate_site`."""
    is_single_page: bool = False
    """Whether paths without a file get the site's index.html."""
    directory: str = "."
    """The base directory, relative to the repository's root: the application starts there."""
    dockerfile: str = ""
    """With kind dockerfile: its path, relative to the base directory."""
    health: str = ""
    """The path that answers 2xx or 3xx when the application is ready. Empty: any answer below 500 on `/`."""
    port: int = 0
    """The port that the application listens on, where it does not read PORT; 0: PORT."""
    notices: tuple[str, ...] = ()
    """What was found and is not used, what was added, and how to change it."""


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """The application's settings. Empty: capsule.toml, then Procfile and app.json, then detection decide."""

    directory: str = ""
    builder: str = ""
    """auto, native, dockerfile or buildpack."""
    build_command: str = ""
    start_command: str = ""
    release_command: str = ""
