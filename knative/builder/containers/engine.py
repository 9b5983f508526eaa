"""buildah's command lines (buildah-build(1), buildah-from(1)).

`--isolation chroot` starts a RUN instruction in the root file system of its stage, without namespaces of its own: the
build's sandbox is the boundary. Storage is the overlay driver, in the build's workspace. Instructions run as in every
container engine, as the user that the Dockerfile names.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knative.builder.containers.configuration import Files
from knative.builder.containers.failures import explain
from knative.builder.execution import CommandFailed, Limits, Shell
from knative.builder.failure import UNSUPPORTED, BuildFailure

PROGRAM = "buildah"
NAME = "localhost/application"
CONTAINER = "application"
LARGE_FILES = "/var/tmp"
"""Where containers-image writes in some cases, whatever TMPDIR says."""
MAX_INSPECT_BYTES = 4 << 20


class Engine:
    """`folder`: for storage and temporary files. `limits`: of every command."""

    def __init__(self, shell: Shell, folder: Path, files: Files, limits: Limits) -> None:
        self._shell, self._folder, self._files, self._limits = shell, folder, files, limits
        if shutil.which(PROGRAM, path=shell.path) is None:
            raise BuildFailure(
                UNSUPPORTED, "This machine cannot build Dockerfiles or run images: its operator has to install buildah (apt-get install buildah)."
            )
        (folder / "tmp").mkdir(parents=True)
        from knative.local.sandbox.launch_kernel import MS_BIND, kernel  # here: the cluster's image, which runs no buildah, does not contain it

        kernel.mount(str(folder / "tmp"), LARGE_FILES, "", MS_BIND)

    def build(self, context: Path, dockerfile: Path, arguments: Mapping[str, str], secrets: Mapping[str, Path], contexts: Mapping[str, Path]) -> None:
        """Build the Dockerfile's last stage as NAME. `contexts`: further folders, by the name that `COPY --from` has. Raises BuildFailure."""
        words = ["build", "--isolation", "chroot", "--format", "docker", "--layers=false", "--force-rm", "--file", str(dockerfile), "--tag", NAME]
        for name, value in sorted(arguments.items()):
            words += ["--build-arg", f"{name}={value}"]
        for name, path in sorted(secrets.items()):
            words += ["--secret", f"id={name},src={path}"]
        for name, path in sorted(contexts.items()):
            words += ["--build-context", f"{name}={path}"]
        self._run([*words, *self._pull_options, str(context)], "The Dockerfile", cwd=context)

    def pull(self, reference: str) -> str:
        """Pull an image and return its id. Its digest is verified while it is read (containers-image). Raises BuildFailure."""
        lines = self._run(["pull", "--quiet", *self._pull_options, f"docker://{reference}"], f"Image {reference}", quiet=True)
        return lines[-1].strip()

    def inspect(self, name: str) -> Mapping[str, Any]:
        """Return what buildah knows of an image in its storage. Raises BuildFailure."""
        command, variables = self._command(["inspect", "--type", "image", name])
        file = self._folder / "inspect.json"
        with file.open("wb") as output:  # lines of the log are cut
            result = subprocess.run(
                command, stdout=output, stderr=subprocess.PIPE, cwd=self._folder, env=self._shell.command_environment(**variables), check=False
            )
        if result.returncode or file.stat().st_size > MAX_INSPECT_BYTES:
            raise explain(result.stderr.decode(errors="replace").splitlines() or ["its configuration is too large"], name)
        found: Mapping[str, Any] = json.loads(file.read_bytes())
        return found

    def mount(self, name: str) -> Path:
        """Mount an image's root file system and return its folder, which lasts as long as this process."""
        self._run(["from", "--name", CONTAINER, "--pull-never", *self._policy, name], name, quiet=True)
        return Path(self._run(["mount", CONTAINER], name, quiet=True)[-1])

    @property
    def _policy(self) -> list[str]:
        return ["--signature-policy", str(self._files.policy)]

    @property
    def _pull_options(self) -> list[str]:
        return [*self._policy, *(["--authfile", str(self._files.credentials)] if self._files.credentials else [])]

    def _run(self, words: Sequence[str], what: str, cwd: Path | None = None, quiet: bool = False) -> list[str]:
        command, variables = self._command(words)
        try:
            return self._shell.run(command, cwd=cwd or self._folder, limits=self._limits, quiet=quiet, variables=variables)
        except CommandFailed as error:
            raise explain(error.tail, what) from error

    def _command(self, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Return a command line and its variables."""
        storage = ["--root", str(self._folder / "storage"), "--runroot", str(self._folder / "run"), "--storage-driver", "overlay"]
        empty = self._folder / "empty"
        empty.mkdir(exist_ok=True)
        registries = ["--registries-conf", str(self._files.registries), "--registries-conf-dir", str(empty)]
        registries += ["--short-name-alias-conf", str(self._folder / "aliases.conf")]
        variables = {
            "TMPDIR": str(self._folder / "tmp"), "XDG_RUNTIME_DIR": str(self._folder / "run"), "CONTAINERS_CONF": str(self._files.containers),
            "_CONTAINERS_USERNS_CONFIGURED": "done", "BUILDAH_ISOLATION": "chroot",
        }  # fmt: skip
        return [PROGRAM, *storage, *registries, *words], variables
