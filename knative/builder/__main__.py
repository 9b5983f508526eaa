"""Entry point of a build after `clone`: recognize, install. The outcome is the termination message; progress goes to the log."""

import os
import shutil
import sys
import time
import traceback
from pathlib import Path

from knative.builder.clone import read_commit
from knative.builder.execution import Limits, Shell, check_size, log, size_of
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, TOO_LARGE, BuildFailure
from knative.builder.install import ImageInstaller
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters
from knative.builder.plan import make_plan, release_command

TOO_DEEP = "Folders of the repository or of the build's output are nested too deeply: use fewer than 100 levels."


class Build:
    """One build of the cloned repository. `commit`: its id."""

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
        shutil.rmtree(image, ignore_errors=True)  # left by an earlier attempt
        shell = Shell(parameters.environment, workspace / "home")
        try:
            self.commit = read_commit(parameters)
            application = application_folder(source, parameters.base_directory)
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
            for folder in (source, shell.home):
                shutil.rmtree(folder, ignore_errors=True)
        log(f"==> Built {parameters.image} in {time.monotonic() - started_at:.1f} s")
        return {"commit": self.commit, "kind": plan.kind} | ({"release": release} if release else {})


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    build = Build(parameters)
    try:
        return report_success(parameters, build.run())
    except BuildFailure as error:
        failure = error
    except RecursionError:
        failure = BuildFailure(TOO_LARGE, TOO_DEEP)
    except Exception as error:  # noqa: BLE001  the deployment must learn of every failure
        traceback.print_exc()
        failure = BuildFailure(BUILD_FAILED, f"Internal error of the builder: {type(error).__name__}: {error}")
    return report_failure(parameters, failure, **({"commit": build.commit} if build.commit else {}))


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
