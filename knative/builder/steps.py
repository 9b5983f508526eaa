"""Run the steps of a plan with the variables that they need, and explain a failed one."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knative.builder.diagnosis import plain, ran_out_of_memory, relevant_lines
from knative.builder.execution import CommandFailed, Limits, Shell, log
from knative.builder.failure import BUILD_FAILED, OUT_OF_MEMORY, BuildFailure
from knative.builder.mirrors import step_settings, write_settings_files
from knative.builder.native_modules import explain_unbuilt
from knative.builder.planning.plan import Plan, Step
from knative.builder.toolchains import InstalledToolchains
from knative.builder.variables import BuildVariables

VENV = ".venv"
PYTHON_INSTALLERS = ("uv", "poetry", "pipenv")
SOURCE_BUILD_FAILED = re.compile(
    r"Failed to (?:download and )?build|build backend returned an error|wheels? with a matching Python|PEP517 build of", re.I
)
"""What uv, pip and Poetry say when no wheel of a package fits this Python and its source does not compile with it."""
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs steps below `root`, the repository's copy. `application`: the application's folder in it."""

    shell: Shell
    root: Path
    application: Path
    cache: Path
    limits: Limits
    toolchains: InstalledToolchains
    variables: BuildVariables

    def run(self, plan: Plan) -> None:
        """Run the plan's steps in their order. Raises BuildFailure."""
        names = frozenset(each.name for each in plan.toolchains) | {plan.kind}
        write_settings_files(self.shell.home, self.shell.environment, self.cache)
        settings = {**step_settings(self.shell.environment, self.cache, names), **self.toolchains.variables}
        for step in plan.steps:
            log(f"==> {step.title}")
            try:
                self._run(step, settings)
            except CommandFailed as error:
                if not (cause := _tolerated(step, error)):
                    raise self.explain(step.title, error, _choice_of_python(plan, step, error)) from error
                log(f"    notice: {step.title} did not finish: {cause}")
            manager = step.command[0]
            if manager in ("pnpm", "npm") and (problem := explain_unbuilt(self.root / step.directory, manager)):
                raise BuildFailure(BUILD_FAILED, problem)

    def _run(self, step: Step, settings: Mapping[str, str]) -> None:
        """Raises CommandFailed, and BuildFailure if the program is missing."""
        variables = {**settings, **self.variables.values, **step.variables, **self._own_variables()}
        command = self._find_program(step.command, variables["PATH"])
        try:
            self.shell.run(command, cwd=self.root / step.directory, limits=self.limits, variables=variables)
        except OSError as error:
            raise BuildFailure(BUILD_FAILED, f"{step.title} failed: {step.command[0]} cannot be run: {error.strerror}.") from error

    def _find_program(self, command: Sequence[str], path: str) -> list[str]:
        """The program is looked up on the step's PATH, not on the builder's."""
        found = shutil.which(command[0], path=path) if "/" not in command[0] else command[0]
        if found is None:
            raise BuildFailure(BUILD_FAILED, f"{command[0]} is not installed on this machine.")
        return [found, *command[1:]]

    def _own_variables(self) -> dict[str, str]:
        """The variables that neither the plan nor the user may change, because they say where the application's files are."""
        own = {"PATH": self.path, "HOME": str(self.shell.home), "TMPDIR": str(self.shell.home)}
        environment = self.application / VENV
        if (environment / "pyvenv.cfg").is_file():
            python = str(environment / "bin" / "python")
            own |= {"VIRTUAL_ENV": str(environment), "UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON": python}
        return own

    @property
    def path(self) -> str:
        """Return PATH: the application's own programs, those of its toolchains, the machine's."""
        interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parent
        own = program_folders(self.root, self.application)
        return ":".join([*map(str, (*own, *self.toolchains.programs)), str(interpreter), SYSTEM_PATH])

    def explain(self, title: str, error: CommandFailed, advice: str = "") -> BuildFailure:
        """Return the failure of a step: what happened, advice, and the lines of its output that matter."""
        output = relevant_lines(error.tail, [str(self.application), str(self.root), str(self.shell.home)])
        if ran_out_of_memory(error.code, error.tail):
            detail = (
                f"{title} ran out of memory{_memory_limit()}. "
                "Build with fewer parallel jobs or a smaller heap, or ask the operator for a higher limit."
            )
            return BuildFailure(OUT_OF_MEMORY, detail, output)
        ending = f"was ended by signal {-error.code}" if error.code < 0 else f"failed with exit code {error.code}"
        return BuildFailure(BUILD_FAILED, f"{title} {ending}.{f' {advice}' if advice else ''}", output)


def _tolerated(step: Step, error: CommandFailed) -> str:
    """Return the last line of output with which the step may fail, "" if it has none."""
    lines = (plain(line).strip() for line in reversed(error.tail)) if step.tolerated else ()
    return next((line for line in lines if re.search(step.tolerated, line)), "")


def _choice_of_python(plan: Plan, step: Step, error: CommandFailed) -> str:
    """Return how to choose the version of Python, where a package could not be built and the repository chooses none."""
    is_unspecified = any(each.name == "python" and not each.constraint for each in plan.toolchains)
    is_installation = step.command[0] in PYTHON_INSTALLERS
    if not (is_unspecified and is_installation and any(SOURCE_BUILD_FAILED.search(line) for line in error.tail)):
        return ""
    return "If the package is too old for this version of Python, choose an older one in .python-version (3.9, for example), or update the package."


def program_folders(root: Path, application: Path) -> tuple[Path, ...]:
    """Return where package managers put the application's own programs. The folders may not exist yet."""
    own = [application / name for name in (f"{VENV}/bin", "node_modules/.bin", "vendor/bin")]
    return tuple(dict.fromkeys((*own, root / "node_modules" / ".bin")))


def _memory_limit() -> str:
    """Return the limit of the build's control group, where it is visible."""
    try:
        text = MEMORY_LIMIT.read_text().strip()
    except OSError:
        return ""
    return f" (limit: {int(text) >> 20:,} MiB)" if text.isdigit() else ""
