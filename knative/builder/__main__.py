"""One build: clone, recognize, install, name by digest; the outcome is the termination message, the way there the log."""

import os
import shutil
import sys
import time
import traceback

from knative.builder.execution import Limits, Shell, check_size, say
from knative.builder.failure import BUILD_FAILED, Failure
from knative.builder.install import Image
from knative.builder.outcome import tell
from knative.builder.parameters import Parameters
from knative.builder.plan import plan
from knative.builder.source import Checkout
from knative.local.images import digest


def main() -> int:
    parameters = Parameters.read(os.environ)
    said: dict[str, str] = {}
    try:
        said |= build(parameters, said)
    except Failure as failure:
        said |= {"reason": failure.reason, "detail": failure.detail}
    except Exception as error:  # noqa: BLE001  whatever goes wrong, the deployment must hear of it
        traceback.print_exc()
        said |= {"reason": BUILD_FAILED, "detail": f"The builder itself failed: {type(error).__name__}: {error}"}
    return tell(parameters, said)


def build(parameters: Parameters, said: dict[str, str]) -> dict[str, str]:
    """What is to be told of an image. `said` learns the commit as soon as it is known. Raises Failure."""
    began = time.monotonic()
    deadline = began + parameters.seconds
    workspace = parameters.workspace
    source, image = workspace / "source", workspace / "image"
    for left in (source, image):
        shutil.rmtree(left, ignore_errors=True)  # of an attempt before
    shell = Shell(parameters.environment, workspace / "home")
    try:
        said["commit"] = Checkout(shell, parameters, source, deadline).make()
        found = plan(source)
        say(f"==> Recognized {found.kind} ({found.reason})")
        if found.command:
            say(f"    starts with: {found.command}")
        limits = Limits(deadline, workspace, parameters.source_bytes + parameters.image_bytes)
        Image(shell, source, image, limits).make(found)
        check_size(image, parameters.image_bytes)
    finally:
        for spent in (source, shell.home):
            shutil.rmtree(spent, ignore_errors=True)
    name = f"{parameters.image}@sha256:{digest(image)}"
    say(f"==> Built {name} in {time.monotonic() - began:.1f} s")
    return {"image": name, "kind": found.kind}


if __name__ == "__main__":
    sys.exit(main())
