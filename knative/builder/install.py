"""From a checkout to an image: a folder with the application, its own virtual environment, and the word how it starts.

The environment is relocatable, since the folder is copied into the image store, and does not see the platform's packages. Byte code is compiled here
(unchecked, by content): an application cannot write where it runs, and would compile at every start.
"""

import json
import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import uv

from knative.builder import install_node
from knative.builder.execution import CommandFailed, Limits, Shell, say
from knative.builder.failure import BUILD_FAILED, Failure
from knative.builder.node import Node
from knative.builder.plan import Plan

MOUNT = "/app"
"""Where a sandbox shows the image: tracebacks name files as the application sees them."""
VENV = ".venv"
SITE = "site"
POETRY = ("poetry>=2,<3", "poetry-plugin-export>=1.9")
SERVER = Path(__file__).with_name("static_server.py")
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".mypy_cache", ".pytest_cache")
COMPILED = ("-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash")


class Image:
    def __init__(self, shell: Shell, source: Path, folder: Path, cache: Path, limits: Limits) -> None:
        self._shell = shell
        self._source = source
        self._folder = folder
        self._root = folder / "rootfs"
        self._limits = limits
        self._cache = cache

    def make(self, plan: Plan) -> None:
        """Raises Failure."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for notice in plan.notices:
            say(f"    notice: {notice}")
        if plan.kind == "static":
            self._static(self._built(plan.node) if plan.node else self._source)
            return
        shutil.copytree(self._source, self._root, symlinks=True, ignore=LEFT_OUT)
        env = {"PYTHONUNBUFFERED": "1"}
        if plan.kind == "python":
            self._install(plan)
            env |= {
                "PATH": f"{{root}}/{VENV}/bin",
                "PYTHONPATH": f"{{root}}/{plan.modules}".removesuffix("/."),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
        if plan.node:
            self._node(plan.node, self._root)
            env |= {"PATH": "{root}/node_modules/.bin", "NODE_ENV": "production"}
        self._manifest(["/bin/sh", "-c", shell_line(plan.command)], env, plan.kind)

    def _built(self, node: Node) -> Path:
        """Built where it was cloned: only the site goes into the image."""
        if node.build:
            self._node(node, self._source)
        return install_node.site_of(node, self._source)

    def _node(self, node: Node, folder: Path) -> None:
        def run(words: list[str], told: Mapping[str, str], cwd: Path, doing: str) -> None:
            self._run(words, told, cwd=cwd, doing=doing)

        install_node.install(node, folder, self._cache, self._shell.path, self._shell.environment, run)

    def _static(self, site: Path) -> None:
        shutil.copytree(site, self._root / SITE, symlinks=False, ignore=shutil.ignore_patterns(".*", "node_modules"))
        shutil.copy(SERVER, self._root / "serve.py")
        self._manifest(["python3", "-I", "serve.py", SITE], {}, "static")

    def _install(self, plan: Plan) -> None:
        interpreter = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
        environment = self._root / VENV
        self._uv("venv", "--relocatable", "--no-project", "--python", interpreter, str(environment))
        if plan.lock:
            self._locked(plan.lock, environment)
        for words in plan.install:
            say(f"==> Installing {' '.join(words)}")
            self._uv("pip", "install", "--python", str(environment / "bin" / "python"), "--link-mode", "copy", *words)
        if not plan.install and not plan.lock:
            say("==> Nothing to install")
        self._relocate(environment)
        self._run([str(environment / "bin" / "python"), "-I", *COMPILED, "-s", str(self._root), "-p", MOUNT, str(self._root)], {}, compiling=True)

    def _relocate(self, environment: Path) -> None:
        """Editable installations (`-e .`) name the folder they were made from; the application finds it at MOUNT."""
        for pattern in ("*.pth", "__editable__*.py"):
            for path in environment.glob(f"lib*/python*/site-packages/{pattern}"):
                before = path.read_text(errors="surrogateescape")
                if (after := before.replace(str(self._root), MOUNT)) != before:
                    path.write_text(after, errors="surrogateescape")

    def _locked(self, lock: str, environment: Path) -> None:
        """As the lock file says, without what is only for development."""
        say(f"==> Installing what {lock} says")
        python = str(environment / "bin" / "python")
        if lock == "uv.lock":
            self._uv(
                "sync", "--frozen", "--no-dev", "--no-editable", "--link-mode", "copy", "--python", python, UV_PROJECT_ENVIRONMENT=str(environment)
            )
            return
        listed = self._shell.home / "requirements.txt"
        export = ("export", "--only", "main", "--without-hashes", "--format", "requirements.txt", "--output", str(listed))
        self._uv("tool", "run", "--from", POETRY[0], "--with", POETRY[1], "poetry", "--no-interaction", *export, POETRY_VIRTUALENVS_CREATE="false")
        self._uv("pip", "install", "--python", python, "--link-mode", "copy", "-r", str(listed))
        if any((self._root / where / "__init__.py").is_file() for where in _packages(self._root)):
            self._uv("pip", "install", "--python", python, "--link-mode", "copy", "--no-deps", ".")

    def _uv(self, *words: str, **more: str) -> None:
        told = {**for_uv(self._shell.environment), "UV_CACHE_DIR": str(self._cache / "uv"), **more}
        self._run([uv.find_uv_bin(), "--no-config", "--no-progress", "--color", "never", *words], told)

    def _run(
        self, words: list[str], told: Mapping[str, str], *, cwd: Path | None = None, compiling: bool = False, doing: str = "installation"
    ) -> None:
        try:
            self._shell.run(words, cwd=cwd or self._root, limits=self._limits, quiet=compiling, UV_PYTHON_DOWNLOADS="never", **told)
        except CommandFailed as error:
            if compiling:
                say("    notice: not every file could be compiled")
                return
            raise Failure(BUILD_FAILED, f"The {doing} failed: " + "\n".join(error.tail)) from error

    def _manifest(self, command: list[str], env: Mapping[str, str], kind: str) -> None:
        (self._folder / "image.json").write_text(json.dumps({"cmd": command, "env": dict(env), "kind": kind}, sort_keys=True))


def _packages(root: Path) -> list[str]:
    """Where the project's own package would be, if it is one."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    name = project.get("project", {}).get("name") or project.get("tool", {}).get("poetry", {}).get("name") or ""
    module = str(name).replace("-", "_")
    return [f"{place}{module}" for place in ("", "src/")] if module else []


def shell_line(command: str) -> str:
    """`exec` where that is possible, so that the application itself and not a shell is asked to stop."""
    first = command.split(maxsplit=1)[0]
    plain = (
        not any(mark in command for mark in ";&|<>()`\n") and "=" not in first and first not in ("exec", "cd", "export", ".", "if", "for", "while")
    )
    return f"exec {command}" if plain else command


def for_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """uv does not read pip's variables; what an operator said in them is said again in its words."""
    same = {
        "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
        "PIP_EXTRA_INDEX_URL": "UV_INDEX",
        "PIP_FIND_LINKS": "UV_FIND_LINKS",
        "PIP_CERT": "SSL_CERT_FILE",
        "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    }
    said = {ours: environment[theirs] for theirs, ours in same.items() if theirs in environment and ours not in environment}
    if "UV_FIND_LINKS" in said:
        said["UV_FIND_LINKS"] = said["UV_FIND_LINKS"].replace(" ", ",")
    return said
