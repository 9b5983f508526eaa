"""From a checkout to an image: a folder with the application, its own virtual environment, and the word how it starts.

The environment is relocatable, since the folder moves into the image store, and does not see the platform's packages. Byte code is compiled here
(unchecked, by content): an application cannot write where it runs, and would compile at every start.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import uv

from knative.builder.execution import CommandFailed, Limits, Shell, say
from knative.builder.failure import BUILD_FAILED, Failure
from knative.builder.plan import Plan

VENV = ".venv"
SITE = "site"
SERVER = Path(__file__).with_name("static_server.py")
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".mypy_cache", ".pytest_cache")
COMPILED = ("-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash")


class Image:
    def __init__(self, shell: Shell, source: Path, folder: Path, limits: Limits) -> None:
        self._shell = shell
        self._source = source
        self._folder = folder
        self._root = folder / "rootfs"
        self._limits = limits

    def make(self, plan: Plan) -> None:
        """Raises Failure."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if plan.kind == "static":
            self._static()
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
        self._manifest(["/bin/sh", "-c", shell_line(plan.command)], env, plan.kind)

    def _static(self) -> None:
        shutil.copytree(self._source, self._root / SITE, symlinks=False, ignore=shutil.ignore_patterns(".*"))
        shutil.copy(SERVER, self._root / "serve.py")
        self._manifest(["python3", "-I", "serve.py", SITE], {}, "static")

    def _install(self, plan: Plan) -> None:
        interpreter = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
        environment = self._root / VENV
        self._uv("venv", "--relocatable", "--no-project", "--python", interpreter, str(environment))
        for words in plan.install:
            say(f"==> Installing {' '.join(words)}")
            self._uv("pip", "install", "--python", str(environment / "bin" / "python"), "--link-mode", "copy", *words)
        if not plan.install:
            say("==> Nothing to install")
        self._run([str(environment / "bin" / "python"), "-I", *COMPILED, "-s", str(self._root), "-p", "/", str(self._root)], {}, compiling=True)

    def _uv(self, *words: str) -> None:
        cache = str(self._shell.home / "cache")
        told = {**for_uv(self._shell.environment), "UV_CACHE_DIR": cache}
        self._run([uv.find_uv_bin(), "--no-config", "--no-progress", "--color", "never", *words], told)

    def _run(self, words: list[str], told: Mapping[str, str], *, compiling: bool = False) -> None:
        try:
            self._shell.run(words, cwd=self._root, limits=self._limits, quiet=compiling, UV_PYTHON_DOWNLOADS="never", **told)
        except CommandFailed as error:
            if compiling:
                say("    notice: not every file could be compiled")
                return
            raise Failure(BUILD_FAILED, "The installation failed: " + "\n".join(error.tail)) from error

    def _manifest(self, command: list[str], env: Mapping[str, str], kind: str) -> None:
        (self._folder / "image.json").write_text(json.dumps({"cmd": command, "env": dict(env), "kind": kind}, sort_keys=True))


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
