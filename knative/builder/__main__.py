"""Entry point of a build: clone, recognize, install. The outcome is the termination message; progress goes to the log."""

import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from knative.builder.containers.build import ContainerBuild
from knative.builder.containers.request import DOCKERFILE, IMAGE, ContainerBuildNeeded, ContainerRequest
from knative.builder.containers.separation import may_build_images, run_as_ordinary_user
from knative.builder.execution import Limits, Shell, check_size, log, size_of
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, TOO_LARGE, UNSUPPORTED, BuildFailure
from knative.builder.install import ImageInstaller
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters
from knative.builder.plan import make_plan, release_command
from knative.builder.source import Checkout

TOO_DEEP = "Folders of the repository or of the build's output are nested too deeply: use fewer than 100 levels."
NO_CONTAINERS = (
    "This machine cannot build Dockerfiles or run images: it needs a Capsule that root started, on Linux 5.19 or newer, with overlay mounts and "
    "libseccomp, and without CAPSULE_DOCKERFILE_BUILDS=off. Its operator sees in ./taskw status what is missing."
)


class Build:
    """One build. `commit` is known once the repository is cloned."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.commit = ""

    def run(self) -> dict[str, str]:
        """Build the image and return the fields of the termination message. Raises BuildFailure."""
        started_at = time.monotonic()
        parameters = self._parameters
        deadline = started_at + parameters.timeout_seconds
        workspace = parameters.workspace
        source, image = workspace / "source", workspace / "image"
        for folder in (source, image):
            shutil.rmtree(folder, ignore_errors=True)  # left by an earlier attempt
        shell = Shell(parameters.environment, workspace / "home")
        is_kept = False
        try:
            if parameters.image_reference:
                raise ContainerBuildNeeded(ContainerRequest(IMAGE, start=parameters.start_command))
            self.commit = Checkout(shell, parameters, source, deadline).run()
            application = application_folder(source, parameters.base_directory)
            if is_kept := has_to_build_dockerfile(application, parameters):
                raise ContainerBuildNeeded(self._request(application))
            plan = make_plan(application)
            log(f"==> Recognized {plan.kind} ({plan.reason})")
            if plan.command:
                log(f"    start command: {plan.command}")
            release = release_command(application)
            if release:
                log(f"    release command: {release}")
            limits = Limits(deadline, workspace, parameters.source_bytes + parameters.image_bytes)
            ImageInstaller(shell, application, image, usable_cache(parameters), limits).install(plan)
            check_size(image, parameters.image_bytes)
        finally:
            for folder in (shell.home, *(() if is_kept else (source,))):
                shutil.rmtree(folder, ignore_errors=True)
        log(f"==> Built {parameters.image} in {time.monotonic() - started_at:.1f} s")
        return {"commit": self.commit, "kind": plan.kind} | ({"release": release} if release else {})

    def _request(self, application: Path) -> ContainerRequest:
        release = release_command(application) or ""
        return ContainerRequest(DOCKERFILE, self.commit, str(application), self._parameters.start_command, release)


def has_to_build_dockerfile(application: Path, parameters: Parameters) -> bool:
    """Return whether the application is built from its Dockerfile: if it asks for that, or if nothing else is recognized.

    Raises BuildFailure if it asks for a Dockerfile that does not exist.
    """
    has_dockerfile = (application / "Dockerfile").is_file()
    if parameters.builder == "dockerfile" and not has_dockerfile:
        folder = parameters.base_directory or "the repository's top folder"
        raise BuildFailure(
            NOT_RECOGNIZED, f"The builder is dockerfile, and there is no file Dockerfile in {folder}. Add it, or set the base directory."
        )
    if parameters.builder == "dockerfile" or not has_dockerfile or parameters.builder == "native":
        return has_dockerfile and parameters.builder == "dockerfile"
    try:
        make_plan(application)
    except BuildFailure as error:
        return error.reason == NOT_RECOGNIZED
    return False


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


def application_folder(source: Path, base_directory: str) -> Path:
    """Return the application's folder in the checkout. Raises BuildFailure if there is no such folder."""
    folder = (source / base_directory).resolve()
    if not folder.is_relative_to(source.resolve()) or not folder.is_dir() or ".git" in Path(base_directory).parts:
        folders = sorted(path.name for path in source.iterdir() if path.is_dir() and path.name != ".git")
        detail = f'Base directory "{base_directory}" does not exist in the repository. Folders: {", ".join(folders[:20]) or "none"}.'
        raise BuildFailure(NOT_RECOGNIZED, detail)
    return folder


def usable_cache(parameters: Parameters) -> Path:
    """Return the cache folder of installers: the one kept between builds if the Job mounts it, emptied if it exceeds its limit."""
    cache = parameters.cache
    if not (cache.is_dir() and os.access(cache, os.W_OK)):
        return parameters.workspace / "home" / "cache"
    if size_of(cache, parameters.cache_bytes) > parameters.cache_bytes:
        log("    notice: the build cache exceeded its size limit and was cleared")
        for entry in cache.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    return cache


if __name__ == "__main__":
    sys.exit(main())
