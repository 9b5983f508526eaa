"""Build a Dockerfile or pull an image, and leave its root file system and its configuration as the image's folder."""

import json
import re
import shutil
import time
from pathlib import Path

from knative.builder.containers import configuration, dockerfile, newer_syntax
from knative.builder.containers.accounts import UnknownAccount, find_account
from knative.builder.containers.engine import NAME, Engine
from knative.builder.containers.image_config import ImageConfig, read_config
from knative.builder.containers.request import IMAGE, ContainerRequest
from knative.builder.containers.root_folder import copy_root, create_directory, read_text
from knative.builder.execution import CommandFailed, Limits, Shell, check_size, log, masked_values
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.parameters import Parameters
from knative.builder.planning.recognition import DOCKERFILES
from knative.builder.variables import FOLDER, SECRETS, BuildVariables, read_variables

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class ContainerBuild:
    """One build. `deadline`: on the monotonic clock."""

    def __init__(self, parameters: Parameters, request: ContainerRequest, deadline: float) -> None:
        self._parameters, self._request = parameters, request
        self._folder = parameters.workspace / "engine"
        self._image = parameters.workspace / "image"
        self._limits = Limits(deadline, self._image, parameters.root_image_bytes)
        self._values = read_variables(parameters.root)
        self._shell = Shell(parameters.environment, self._folder / "home", secrets=masked_values(self._values.secrets))

    def run(self) -> dict[str, str]:
        """Return the fields of the termination message. Raises BuildFailure."""
        started_at = time.monotonic()
        for folder in (self._folder, self._image):
            shutil.rmtree(folder, ignore_errors=True)  # left by an earlier attempt
        parameters, request = self._parameters, self._request
        reference = parameters.image_reference if request.kind == IMAGE else ""
        values = self._values.values
        files = configuration.write_files(self._folder, parameters.environment, values, parameters.allowed_hosts, reference)
        engine = Engine(self._shell, self._folder, files, self._limits)
        if request.kind == IMAGE:
            log(f"==> Pulling {reference}")
            name, what = engine.pull(reference), f"Image {reference}"
            commit = self._digest(engine, name, reference)
        else:
            self._build(engine, Path(request.context), self._values)
            name, what, commit = NAME, "The Dockerfile", request.commit
        config = read_config((engine.inspect(name).get("Docker") or {}).get("config") or {}, request.start, what)
        for notice in config.notices:
            log(f"    notice: {notice}")
        self._write_image(engine.mount(name), config)
        log(f"==> Built {parameters.image} in {time.monotonic() - started_at:.1f} s")
        optional = {
            "release": request.release,
            "health": request.health,
            "port": str(request.port or config.port or ""),
            "processes": request.processes,
        }
        return {"commit": commit, "kind": request.kind} | {name: value for name, value in optional.items() if value}

    def _build(self, engine: Engine, context: Path, values: BuildVariables) -> None:
        file = next(place for name in DOCKERFILES if (place := context / name).is_file())
        text = file.read_text(errors="replace")
        names = dockerfile.declared_arguments(text)
        if hidden := sorted(names & values.secrets.keys()):
            log(f"    notice: ARG {' '.join(hidden)} gets no value, since these are secrets: use RUN --mount=type=secret,id={hidden[0]}")
        if missing := sorted(dockerfile.required_secrets(text) - values.secrets.keys()):
            raise BuildFailure(
                BUILD_FAILED, f"The Dockerfile requires the secret {missing[0]}, which is not set: capsule env set --secret {missing[0]}=…"
            )
        folder = self._parameters.root / FOLDER / SECRETS
        arguments = {name: value for name, value in values.variables.items() if name in names}
        log(f"==> Building {file.name}" + (f" with {', '.join(sorted(arguments))}" if arguments else ""))
        rewritten, contexts = self._in_older_syntax(file, text)
        engine.build(context, rewritten, arguments, {name: folder / name for name in values.secrets}, contexts)

    def _in_older_syntax(self, file: Path, text: str) -> tuple[Path, dict[str, Path]]:
        """Return the file that buildah reads, and the further contexts that it names. Raises BuildFailure."""
        rewritten = newer_syntax.rewrite(text)
        if rewritten.text == text:
            return file, {}
        folder = self._folder / "dockerfile"
        folder.mkdir()
        for suffix in (".dockerignore", ".containerignore"):
            if (ignored := file.with_name(file.name + suffix)).is_file():
                shutil.copyfile(ignored, folder / ignored.name)
        (folder / file.name).write_text(rewritten.text)
        documents = self._folder / "heredocs"
        for name, content in rewritten.documents.items():
            (documents / name).parent.mkdir(parents=True, exist_ok=True)
            (documents / name).write_text(content)
        return folder / file.name, {newer_syntax.HEREDOCS: documents} if rewritten.documents else {}

    def _digest(self, engine: Engine, name: str, reference: str) -> str:
        match = DIGEST.search(str(engine.inspect(name).get("FromImageDigest") or ""))
        if match is None:
            raise BuildFailure(BUILD_FAILED, f"Image {reference} has no digest.")
        log(f"    digest sha256:{match[1]}")
        return match[1]

    def _write_image(self, mounted: Path, config: ImageConfig) -> None:
        root = self._image / "rootfs"
        try:
            left_out = copy_root(mounted, root, self._shell, self._limits)
        except CommandFailed as error:
            raise BuildFailure(BUILD_FAILED, f"The image's files cannot be copied: {error.tail[-1] if error.tail else error}") from error
        if left_out:
            log(f"    notice: {left_out} devices, sockets or pipes of the image were left out")
        check_size(self._image, self._parameters.root_image_bytes)
        try:
            account = find_account(config.user, read_text(root, "etc/passwd"), read_text(root, "etc/group"))
        except UnknownAccount as error:
            raise BuildFailure(BUILD_FAILED, str(error)) from error
        create_directory(root, config.directory, account.uid, account.gid)
        log(f"    user {account.uid}, directory {config.directory}" + (f", port {config.port}" if config.port else ""))
        document = {
            "cmd": list(config.command), "env": {"HOME": account.home, **config.env}, "kind": self._request.kind, "root": True,
            "user": f"{account.uid}:{account.gid}", "groups": list(account.groups), "workdir": config.directory, "port": config.port,
        }  # fmt: skip
        (self._image / "image.json").write_text(json.dumps(document))
