"""One build: clone, recognize, install; the outcome is the termination message, the way there the log."""

import os
import shutil
import sys
import time
import traceback
from pathlib import Path

from knative.builder.execution import Limits, Shell, check_size, say, size_of
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, TOO_LARGE, Failure
from knative.builder.install import Image
from knative.builder.outcome import tell
from knative.builder.parameters import Parameters
from knative.builder.plan import plan, release_command
from knative.builder.source import Checkout

TOO_DEEP = "Folders are nested too deeply in the repository or in what its build made: use fewer than 100 levels."


def main() -> int:
    parameters = Parameters.read(os.environ)
    said: dict[str, str] = {}
    try:
        said |= build(parameters, said)
    except Failure as failure:
        said |= {"reason": failure.reason, "detail": failure.detail}
    except RecursionError:
        said |= {"reason": TOO_LARGE, "detail": TOO_DEEP}
    except Exception as error:  # noqa: BLE001  whatever goes wrong, the deployment must hear of it
        traceback.print_exc()
        said |= {"reason": BUILD_FAILED, "detail": f"The builder itself failed: {type(error).__name__}: {error}"}
    return tell(parameters, said)


def build(parameters: Parameters, said: dict[str, str]) -> dict[str, str]:
    """What the termination message says of an image. `said` learns the commit as soon as it is known. Raises Failure."""
    began = time.monotonic()
    deadline = began + parameters.seconds
    workspace = parameters.workspace
    source, image = workspace / "source", workspace / "image"
    for left in (source, image):
        shutil.rmtree(left, ignore_errors=True)  # of an attempt before
    shell = Shell(parameters.environment, workspace / "home")
    try:
        said["commit"] = Checkout(shell, parameters, source, deadline).make()
        application = inside(source, parameters.base)
        found = plan(application)
        say(f"==> Recognized {found.kind} ({found.reason})")
        if found.command:
            say(f"    starts with: {found.command}")
        prepares = release_command(application)
        if prepares:
            say(f"    before it takes traffic: {prepares}")
        limits = Limits(deadline, workspace, parameters.source_bytes + parameters.image_bytes)
        Image(shell, application, image, cache_of(parameters), limits).make(found)
        check_size(image, parameters.image_bytes)
    finally:
        for spent in (source, shell.home):
            shutil.rmtree(spent, ignore_errors=True)
    say(f"==> Built {parameters.image} in {time.monotonic() - began:.1f} s")
    return {"kind": found.kind} | ({"release": prepares} if prepares else {})


def inside(source: Path, base: str) -> Path:
    """The folder of the application: a repository may hold several. Raises Failure."""
    folder = (source / base).resolve()
    if not folder.is_relative_to(source.resolve()) or not folder.is_dir() or ".git" in Path(base).parts:
        there = sorted(path.name for path in source.iterdir() if path.is_dir() and path.name != ".git")
        raise Failure(
            NOT_RECOGNIZED, f"The base directory {base!r} is no folder of the repository; its folders are: {', '.join(there[:20]) or 'none'}."
        )
    return folder


def cache_of(parameters: Parameters) -> Path:
    """What installers keep: between builds where the Job has a volume for it, emptied when it has grown too large."""
    kept = parameters.cache
    if not (kept.is_dir() and os.access(kept, os.W_OK)):
        return parameters.workspace / "home" / "cache"
    if size_of(kept, parameters.cache_bytes) > parameters.cache_bytes:
        say("    notice: the cache of former builds is too large and starts anew")
        for each in kept.iterdir():
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    return kept


if __name__ == "__main__":
    sys.exit(main())
