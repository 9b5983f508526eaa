"""Make the image of a plan: copy the repository, install toolchains, run the steps, write the manifest.

The application's files are at MOUNT while it is built and while it runs: the Job mounts its volume there. Without that
mount (single-tenant mode) they are in the workspace, and a virtual environment is made relocatable.
Bytecode is compiled here with unchecked hashes (PEP 552): an application cannot write to its image and would compile at
every start.
"""

import json
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import uv

from knative.builder.execution import CommandFailed, Limits, Shell, log
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.mirrors import uv_settings
from knative.builder.package_resources import REQUIREMENT, is_missing
from knative.builder.planning import Plan, Tree, locate_site
from knative.builder.static_site import SiteInstaller
from knative.builder.steps import VENV, Steps, program_folders
from knative.builder.toolchains import InstalledToolchains, Toolchains
from knative.builder.variables import BuildVariables

MOUNT = "/app"
"""Where sandboxes mount the image: tracebacks name files as the application sees them."""
ROOT = "{root}"
TOOLCHAINS = ".capsule/toolchains"
EXCLUDED = shutil.ignore_patterns(".git", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".mypy_cache", ".pytest_cache")
COMPILE_OPTIONS = ("-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash")


class ImageBuilder:
    """Builds one image.

    `source`: the checkout. `root`: an empty folder for the application's files, MOUNT if possible. `cache`: where package
    managers keep downloads. `variables`: of the environment that is deployed to.
    """

    def __init__(
        self, shell: Shell, source: Path, root: Path, cache: Path, limits: Limits, toolchains: Toolchains, variables: BuildVariables
    ) -> None:
        self._shell, self._source, self._root = shell, source, root
        self._cache, self._limits, self._toolchains, self._variables = cache, limits, toolchains, variables

    def build(self, plan: Plan) -> Mapping[str, object]:
        """Build the image as planned and return its manifest. Raises BuildFailure."""
        for notice in plan.notices:
            log(f"    notice: {notice}")
        installed = self._resolve(plan)
        if plan.kind == "static" or plan.site:
            return self._build_site(plan, installed)
        _copy(self._source, self._root)
        application = self._root / plan.directory
        programs = self._copy_toolchains(plan, installed)
        env: dict[str, str] = {}
        if python := self._python(plan, installed):
            self._create_environment(plan, application, python)
            env |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._run_steps(plan, application, installed)
        if python:
            self._provide_package_resources(plan, application)
            self._finish_environment(application)
            env["VIRTUAL_ENV"] = f"{ROOT}/{(application / VENV).relative_to(self._root)}"  # active, as it is for steps: uWSGI's `virtualenv` reads it
        env |= {name: value for each in installed.installations if each.name == "java" for name, value in each.variables.items()}
        env |= plan.variables
        env["PATH"] = ":".join(filter(None, (*self._own_programs(application), *programs, env.get("PATH", ""))))
        return {"cmd": ["/bin/sh", "-c", line_of(plan, plan.start)], "env": env, "kind": plan.kind}

    def _python(self, plan: Plan, installed: InstalledToolchains) -> Path | None:
        """Return the interpreter of the application's virtual environment: the image's own copy, if it has one."""
        found = installed.find("python") or (self._toolchains.resolve("python") if plan.kind == "python" else None)
        if found is None:
            return None
        copied = [path / "bin" / "python3" for name in found.runtime if (path := self._root / TOOLCHAINS / "python" / name).is_dir()]
        return copied[0] if copied else Path(found.variables["UV_PYTHON"])

    def _resolve(self, plan: Plan) -> InstalledToolchains:
        found = []
        for each in plan.toolchains:
            installation = self._toolchains.resolve(each.name, each.constraint, each.source)
            found.append(installation)
            log(f"    {installation}" + (f" ({each.source})" if each.source else ""))
            if installation.notice:
                log(f"    notice: {installation.notice}")
        names = {each.name for each in found}
        if "python" in names and "uv" not in names:
            found.append(self._toolchains.resolve("uv"))
        return InstalledToolchains(tuple(found))

    def _run_steps(self, plan: Plan, application: Path, installed: InstalledToolchains, root: Path | None = None) -> None:
        Steps(self._shell, root or self._root, application, self._cache, self._limits, installed, self._variables).run(plan)

    def _build_site(self, plan: Plan, installed: InstalledToolchains) -> Mapping[str, object]:
        """Build the site in the checkout: only the result goes into the image."""
        application = self._source / plan.directory
        if python := self._python(plan, installed):
            self._create_environment(plan, application, python)
        self._run_steps(plan, application, installed, self._source)
        folder = locate_site(Tree.of_folder(self._source).at(plan.directory), plan.site or ".")
        installer = SiteInstaller(self._root, application)
        command = installer.install(application / folder, is_source=not plan.steps, is_single_page=plan.is_single_page)
        return {"cmd": list(command), "env": {}, "kind": "static"}

    def _create_environment(self, plan: Plan, application: Path, python: Path) -> None:
        """Create the application's virtual environment. pip is in it only if a step of the user's calls it."""
        needs_pip = any(step.command[0] == "sh" and re.search(r"(?<!uv )\bpip3?\b", step.command[-1]) for step in plan.steps)
        seed = ("--seed",) if needs_pip else ()
        self._uv("venv", "--relocatable", "--no-project", *seed, "--python", str(python), str(application / VENV))

    def _provide_package_resources(self, plan: Plan, application: Path) -> None:
        """Replace a setuptools without `pkg_resources` that no file of the repository names."""
        environment = application / VENV
        if not is_missing(environment, Tree.of_folder(self._source).at(plan.directory)):
            return
        log(f"==> Installing {REQUIREMENT}")
        log("    notice: a dependency asks for setuptools without a version; newer ones have no pkg_resources. List setuptools to choose its version")
        self._uv("pip", "install", "--python", str(environment / "bin" / "python"), REQUIREMENT)

    def _finish_environment(self, application: Path) -> None:
        """Let editable installs (`-e .`) and scripts name MOUNT, where the application finds them, and compile."""
        environment = application / VENV
        if str(self._root) != MOUNT:
            for pattern in ("lib*/python*/site-packages/*.pth", "lib*/python*/site-packages/__editable__*.py", "pyvenv.cfg"):
                for path in environment.glob(pattern):
                    text = path.read_text(errors="surrogateescape")
                    path.write_text(text.replace(str(self._root), MOUNT), errors="surrogateescape")
        if not (environment / "bin" / "python").exists():
            return  # a step of the user's removed it
        command = [str(environment / "bin" / "python"), "-I", *COMPILE_OPTIONS, "-s", str(self._root), "-p", MOUNT, str(self._root)]
        with suppress(CommandFailed):  # a file that cannot be compiled fails where it is imported, with its own message
            self._shell.run(command, cwd=self._root, limits=self._limits, quiet=True)

    def _copy_toolchains(self, plan: Plan, installed: InstalledToolchains) -> Sequence[str]:
        """Copy what the running application needs and return the folders to put on its PATH."""
        programs = []
        for toolchain in plan.toolchains:
            installation = installed.find(toolchain.name)
            if installation is None or not (toolchain.is_needed_to_run or toolchain.name == "python"):
                continue
            if installation.folder is None:
                programs += [str(installation.programs)] if installation.programs else []
                continue
            target = self._root / TOOLCHAINS / toolchain.name
            for name in installation.runtime:
                source = installation.folder / name
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, target / name, symlinks=True)
                else:
                    shutil.copy2(source, target / name)
            if installation.programs:
                programs.append(f"{ROOT}/{TOOLCHAINS}/{toolchain.name}/{installation.programs.relative_to(installation.folder)}")
        return programs

    def _own_programs(self, application: Path) -> Sequence[str]:
        return [f"{ROOT}/{folder.relative_to(self._root)}" for folder in program_folders(self._root, application) if folder.is_dir()]

    def _uv(self, *arguments: str) -> None:
        settings = {**uv_settings(self._shell.environment), "UV_CACHE_DIR": str(self._cache / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
        command = [uv.find_uv_bin(), "--no-config", "--no-progress", "--color", "never", *arguments]
        try:
            self._shell.run(command, cwd=self._source, limits=self._limits, quiet=True, variables=settings)
        except CommandFailed as error:
            raise BuildFailure(BUILD_FAILED, "The virtual environment could not be prepared.", "\n".join(error.tail[-5:])) from error


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=EXCLUDED, dirs_exist_ok=True)


def write_manifest(image: Path, manifest: Mapping[str, object]) -> None:
    (image / "image.json").write_text(json.dumps(manifest, sort_keys=True))


def line_of(plan: Plan, command: str) -> str:
    """Return a command of the plan as a line for `/bin/sh -c` in the image's root folder."""
    line = shell_line(command)
    return line if plan.directory in ("", ".") else f"cd {shlex.quote(plan.directory)} && {line}"


def shell_line(command: str) -> str:
    """Return the command for `/bin/sh -c`, with `exec` where possible: SIGTERM then reaches the application and not a shell."""
    first = command.split(maxsplit=1)[0]
    is_builtin = first in ("exec", "cd", "export", ".", "if", "for", "while")
    is_simple = not any(mark in command for mark in ";&|<>()`\n") and "=" not in first and not is_builtin
    return f"exec {command}" if is_simple else command
