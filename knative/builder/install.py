"""Turn a checkout into an image: a folder with the application, its own virtual environment and its start command.

The virtual environment is relocatable, because the image store copies the folder, and does not see the platform's
packages. Bytecode is compiled here with unchecked hashes (PEP 552): an application cannot write to its image and would
compile at every start.
"""

import json
import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import uv

from knative.builder import install_node
from knative.builder.execution import CommandFailed, Limits, Shell, log
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.node import NodePlan
from knative.builder.plan import Plan
from knative.builder.static_site import SiteInstaller

MOUNT = "/app"
"""Where sandboxes mount the image: tracebacks name files as the application sees them."""
VENV = ".venv"
POETRY = ("poetry>=2,<3", "poetry-plugin-export>=1.9")
EXCLUDED = shutil.ignore_patterns(".git", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".mypy_cache", ".pytest_cache")
COMPILE_OPTIONS = ("-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash")


class ImageInstaller:
    """Installs an application into an image. `source`: the checkout. `folder`: becomes the image. `cache`: where installers keep downloads."""

    def __init__(self, shell: Shell, source: Path, folder: Path, cache: Path, limits: Limits) -> None:
        self._shell = shell
        self._source = source
        self._folder = folder
        self._root = folder / "rootfs"
        self._limits = limits
        self._cache = cache

    def install(self, plan: Plan) -> None:
        """Build the image as planned. Raises BuildFailure."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for notice in plan.notices:
            log(f"    notice: {notice}")
        if plan.kind == "static":
            self._install_site(self._site(plan.node) if plan.node else self._source)
            return
        shutil.copytree(self._source, self._root, symlinks=True, ignore=EXCLUDED)
        env = {"PYTHONUNBUFFERED": "1"}
        if plan.kind == "python":
            self._install_python(plan)
            env |= {
                "PATH": f"{{root}}/{VENV}/bin",
                "PYTHONPATH": f"{{root}}/{plan.modules}".removesuffix("/."),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
        if plan.node:
            self._install_node(plan.node, self._root)
            env |= {"PATH": "{root}/node_modules/.bin", "NODE_ENV": "production"}
        self._write_manifest(["/bin/sh", "-c", shell_line(plan.command)], env, plan.kind)

    def _site(self, plan: NodePlan) -> Path:
        """Build the site in the checkout: only the result goes into the image."""
        if plan.has_build:
            self._install_node(plan, self._source)
        return install_node.site_folder(plan, self._source)

    def _install_node(self, plan: NodePlan, folder: Path) -> None:
        def run(command: list[str], variables: Mapping[str, str], cwd: Path, step: str) -> None:
            self._run(command, variables, cwd=cwd, step=step)

        install_node.install(plan, folder, self._cache, self._shell.path, self._shell.environment, run)

    def _install_site(self, site: Path) -> None:
        command = SiteInstaller(self._root, self._source).install(site, is_source=site == self._source)
        self._write_manifest(list(command), {}, "static")

    def _install_python(self, plan: Plan) -> None:
        interpreter = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
        environment = self._root / VENV
        self._uv("venv", "--relocatable", "--no-project", "--python", interpreter, str(environment))
        if plan.lock:
            self._install_locked(plan.lock, environment)
        for arguments in plan.install:
            log(f"==> Installing {' '.join(arguments)}")
            self._uv("pip", "install", "--python", str(environment / "bin" / "python"), "--link-mode", "copy", *arguments)
        if not plan.install and not plan.lock:
            log("==> No dependencies to install")
        self._relocate(environment)
        self._compile(environment)

    def _compile(self, environment: Path) -> None:
        command = [str(environment / "bin" / "python"), "-I", *COMPILE_OPTIONS, "-s", str(self._root), "-p", MOUNT, str(self._root)]
        try:
            self._shell.run(command, cwd=self._root, limits=self._limits, quiet=True)
        except CommandFailed:
            log("    notice: some files could not be compiled")

    def _relocate(self, environment: Path) -> None:
        """Editable installs (`-e .`) name the folder of the build; make them name MOUNT, where the application finds it."""
        for pattern in ("*.pth", "__editable__*.py"):
            for path in environment.glob(f"lib*/python*/site-packages/{pattern}"):
                before = path.read_text(errors="surrogateescape")
                if (after := before.replace(str(self._root), MOUNT)) != before:
                    path.write_text(after, errors="surrogateescape")

    def _install_locked(self, lock: str, environment: Path) -> None:
        """Install from a lock file, without development dependencies."""
        log(f"==> Installing from {lock}")
        python = str(environment / "bin" / "python")
        if lock == "uv.lock":
            self._uv(
                "sync", "--frozen", "--no-dev", "--no-editable", "--link-mode", "copy", "--python", python, UV_PROJECT_ENVIRONMENT=str(environment)
            )
            return
        requirements = self._shell.home / "requirements.txt"
        export = ("export", "--only", "main", "--without-hashes", "--format", "requirements.txt", "--output", str(requirements))
        self._uv("tool", "run", "--from", POETRY[0], "--with", POETRY[1], "poetry", "--no-interaction", *export, POETRY_VIRTUALENVS_CREATE="false")
        self._uv("pip", "install", "--python", python, "--link-mode", "copy", "-r", str(requirements))
        if any((self._root / folder / "__init__.py").is_file() for folder in _package_folders(self._root)):
            self._uv("pip", "install", "--python", python, "--link-mode", "copy", "--no-deps", ".")

    def _uv(self, *arguments: str, **variables: str) -> None:
        environment = {**uv_settings(self._shell.environment), "UV_CACHE_DIR": str(self._cache / "uv"), **variables}
        self._run([uv.find_uv_bin(), "--no-config", "--no-progress", "--color", "never", *arguments], environment)

    def _run(self, command: list[str], variables: Mapping[str, str], *, cwd: Path | None = None, step: str = "Installation") -> None:
        """Run an installer. `step`: what failed, if it fails."""
        try:
            self._shell.run(command, cwd=cwd or self._root, limits=self._limits, **{"UV_PYTHON_DOWNLOADS": "never", **variables})  # type: ignore[arg-type]
        except CommandFailed as error:
            raise BuildFailure(BUILD_FAILED, f"{step} failed with exit code {error.code}.", "\n".join(error.tail)) from error

    def _write_manifest(self, command: list[str], env: Mapping[str, str], kind: str) -> None:
        (self._folder / "image.json").write_text(json.dumps({"cmd": command, "env": dict(env), "kind": kind}, sort_keys=True))


def _package_folders(root: Path) -> list[str]:
    """The folders in which the project's own package would be."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    name = project.get("project", {}).get("name") or project.get("tool", {}).get("poetry", {}).get("name") or ""
    module = str(name).replace("-", "_")
    return [f"{parent}{module}" for parent in ("", "src/")] if module else []


def shell_line(command: str) -> str:
    """Return the command for `/bin/sh -c`, with `exec` where possible: SIGTERM then reaches the application and not a shell."""
    first = command.split(maxsplit=1)[0]
    is_builtin = first in ("exec", "cd", "export", ".", "if", "for", "while")
    is_simple = not any(mark in command for mark in ";&|<>()`\n") and "=" not in first and not is_builtin
    return f"exec {command}" if is_simple else command


def uv_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return uv's equivalents of pip's variables, which uv does not read. Variables of uv's that the operator set win."""
    equivalents = {
        "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
        "PIP_EXTRA_INDEX_URL": "UV_INDEX",
        "PIP_FIND_LINKS": "UV_FIND_LINKS",
        "PIP_CERT": "SSL_CERT_FILE",
        "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    }
    settings = {uv: environment[pip] for pip, uv in equivalents.items() if pip in environment and uv not in environment}
    if "UV_FIND_LINKS" in settings:
        settings["UV_FIND_LINKS"] = settings["UV_FIND_LINKS"].replace(" ", ",")
    return settings
