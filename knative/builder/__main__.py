"""Entry point of a build after `clone`: plan, run the plan's steps. The outcome is the termination message; progress goes to the log."""

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from knative.builder.clone import read_commit
from knative.builder.containers.build import ContainerBuild
from knative.builder.containers.request import DOCKERFILE, IMAGE, ContainerBuildNeeded, ContainerRequest
from knative.builder.containers.separation import may_build_images, run_as_ordinary_user
from knative.builder.execution import CommandFailed, Limits, Shell, check_size, log, masked_values, size_of
from knative.builder.failure import BUILD_FAILED, TOO_LARGE, UNSUPPORTED, BuildFailure
from knative.builder.image import MOUNT, ImageBuilder, line_of, write_manifest
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters
from knative.builder.planning import Plan, Tree, make_plan
from knative.builder.toolchains import Toolchains
from knative.builder.toolchains.machine import Machine
from knative.builder.toolchains.packages import ClientPackageIndexes
from knative.builder.variables import read_variables

TOO_DEEP = "Folders of the repository or of the build's output are nested too deeply: use fewer than 100 levels."
NO_CONTAINERS = (
    "This machine cannot build Dockerfiles or run images: it needs a Capsule that root started, on Linux 5.19 or newer, with overlay mounts and "
    "libseccomp, and without CAPSULE_DOCKERFILE_BUILDS=off. Its operator sees in ./taskw status what is missing."
)


class Build:
    """One build of the cloned repository. `commit`: its id."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._variables = read_variables(parameters.root)
        self._shell = Shell(parameters.environment, parameters.workspace / "home", secrets=masked_values(self._variables.secrets))
        self.commit = ""

    def run(self) -> dict[str, str]:
        """Build the image and return the fields of the termination message. Raises BuildFailure, ContainerBuildNeeded."""
        started_at = time.monotonic()
        parameters, deadline = self._parameters, started_at + self._parameters.timeout_seconds
        source, image, root = parameters.workspace / "source", parameters.workspace / "image", application_root(parameters)
        shutil.rmtree(image, ignore_errors=True)  # left by an earlier attempt
        is_source_needed = False
        try:
            if parameters.image_reference:
                raise ContainerBuildNeeded(ContainerRequest(IMAGE, start=parameters.start_command, release=parameters.release_command))
            self.commit = read_commit(parameters)
            plan = make_plan(Tree.of_folder(source), parameters.settings)
            log_plan(plan)
            if is_source_needed := plan.kind == DOCKERFILE:
                context = str(source / plan.directory)
                raise ContainerBuildNeeded(
                    ContainerRequest(DOCKERFILE, self.commit, context, plan.start, plan.release, plan.health, plan.port, report_processes(plan))
                )
            limits = Limits(deadline, parameters.workspace, parameters.source_bytes + parameters.image_bytes)
            manifest = self._builder(source, root, limits).build(plan)
            image.mkdir(parents=True)
            (parameters.workspace / root.name).rename(image / "rootfs")
            write_manifest(image, manifest)
            check_size(image, parameters.image_bytes)
        finally:
            for folder in (self._shell.home, *(() if is_source_needed else (source,))):
                shutil.rmtree(folder, ignore_errors=True)
        log(f"==> Built {parameters.image} in {time.monotonic() - started_at:.1f} s")
        optional = {"release": line_of(plan, plan.release) if plan.release else "", "health": plan.health, "port": str(plan.port or "")}
        optional["processes"] = report_processes(plan)
        return {"commit": self.commit, "kind": plan.kind} | {name: value for name, value in optional.items() if value}

    def _builder(self, source: Path, root: Path, limits: Limits) -> ImageBuilder:
        shell, cache = self._shell, usable_cache(self._parameters)

        def read_lines(command: Sequence[str]) -> Sequence[str]:
            try:
                return shell.run(command, cwd=source, limits=limits, quiet=True)
            except CommandFailed:
                return ()

        toolchains = Toolchains(Machine(read_lines, shell.path), ClientPackageIndexes(shell, limits, cache), cache)
        return ImageBuilder(shell, source, root, cache, limits, toolchains, self._variables)


def report_processes(plan: Plan) -> str:
    """Return the process types beside web as JSON: names and lines for `/bin/sh -c`. Empty if there are none."""
    lines = {name: line_of(plan, command) for name, command in plan.processes.items()}
    return json.dumps(lines) if lines else ""


def log_plan(plan: Plan) -> None:
    log(f"==> Recognized {plan.kind} ({plan.reason})")
    for title, command in (("start", plan.start), ("release", plan.release)):
        if command:
            log(f"    {title} command: {command}")
    for name, command in plan.processes.items():
        log(f"    process {name}: {command}")


def application_root(parameters: Parameters) -> Path:
    """Return the empty folder for the application's files: the workspace's folder `app`, at MOUNT where the Job mounts it there."""
    folder = parameters.workspace / MOUNT.lstrip("/")
    mounted = parameters.root / MOUNT.lstrip("/")
    root = mounted if mounted.is_dir() and os.access(mounted, os.W_OK) else folder
    root.mkdir(parents=True, exist_ok=True)
    empty(root)
    return root


def main() -> int:
    """Run the build: as an ordinary user, and what mounts, if it is needed, with the privileges of this process."""
    parameters = Parameters.from_environment(os.environ)
    deadline = time.monotonic() + parameters.timeout_seconds
    if not may_build_images(os.environ):
        try:
            return build_natively(parameters)
        except ContainerBuildNeeded as needed:
            commit = {"commit": needed.request.commit} if needed.request.commit else {}
            return report_failure(parameters, BuildFailure(UNSUPPORTED, NO_CONTAINERS), **commit)
    code, request = run_as_ordinary_user(lambda: build_natively(parameters))
    if request is None:
        return code
    commit = {"commit": request.commit} if request.commit else {}
    return report(parameters, ContainerBuild(parameters, request, deadline).run, lambda: commit)


def build_natively(parameters: Parameters) -> int:
    """Build what needs no mounts. Returns the exit code. Raises ContainerBuildNeeded."""
    build = Build(parameters)
    return report(parameters, build.run, lambda: {"commit": build.commit} if build.commit else {})


def report(parameters: Parameters, run: Callable[[], dict[str, str]], known: Callable[[], dict[str, str]]) -> int:
    """Run a build and report its outcome. `known`: fields of the message of a failed build. Returns the exit code."""
    try:
        return report_success(parameters, run())
    except ContainerBuildNeeded:
        raise
    except BuildFailure as error:
        failure = error
    except RecursionError:
        failure = BuildFailure(TOO_LARGE, TOO_DEEP)
    except Exception as error:  # noqa: BLE001  the deployment must learn of every failure
        traceback.print_exc()
        failure = BuildFailure(BUILD_FAILED, f"Internal error of the builder: {type(error).__name__}: {error}")
    return report_failure(parameters, failure, **known())


def usable_cache(parameters: Parameters) -> Path:
    """Return the cache folder of installers: the one kept between builds if the Job mounts it, emptied if it exceeds its limit."""
    cache = parameters.cache
    if not (cache.is_dir() and os.access(cache, os.W_OK)):
        return parameters.workspace / "home" / "cache"
    if size_of(cache, parameters.cache_bytes) > parameters.cache_bytes:
        log("    notice: the build cache exceeded its size limit and was cleared")
        empty(cache)
    return cache


def empty(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


if __name__ == "__main__":
    sys.exit(main())
