"""Run the part of a build that needs no mounts as an ordinary user.

A build's sandbox may allow builds of Dockerfiles (`CAPSULE_BUILDS_IMAGES`): its program is then user 0 of its own user
namespace and may mount. Cloning, planning and every installer run as user 1000 without capabilities and with the system
call filter of applications. Nothing of this part is left when buildah starts.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from knative.builder.containers.request import MAX_BYTES, ContainerBuildNeeded, ContainerRequest
from knative.builder.parameter_variables import BUILDS_IMAGES

USER = 1000
FAILED = 70
"""Exit code of an internal failure (sysexits.h, EX_SOFTWARE)."""


def may_build_images(environment: Mapping[str, str]) -> bool:
    """Return whether the sandbox allows mounts, so that the rest of the build must be separated from them."""
    return BUILDS_IMAGES.read(environment)


def run_as_ordinary_user(work: Callable[[], int]) -> tuple[int, ContainerRequest | None]:
    """Run `work` in a child process without privileges.

    Returns its exit code, and the request of the ContainerBuildNeeded that it raised, if it did. Every process that it
    started has ended.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = FAILED
        try:
            code = _work(work, writing)
        except Exception:  # noqa: BLE001  the child must not continue as the parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        encoded = pipe.read(MAX_BYTES)
    _, status = os.waitpid(child, 0)
    _end_processes()
    code = os.waitstatus_to_exitcode(status)
    return (code if code >= 0 else 128 - code), (ContainerRequest.decode(encoded) if encoded and code == 0 else None)


def _work(work: Callable[[], int], writing: int) -> int:
    _drop_privileges()
    try:
        return work()
    except ContainerBuildNeeded as needed:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(needed.request.encode())
        return 0


def _kernel() -> Any:
    """Import the system calls when they are needed: the cluster's image, whose builds need no separation, does not contain them."""
    from knative.local.sandbox.launch_kernel import kernel

    return kernel


def _drop_privileges() -> None:
    from knative.local.sandbox.seccomp import compile_filter

    program = compile_filter()
    if program is None:
        raise RuntimeError("libseccomp is missing in the build's sandbox")
    _become_ordinary_user()
    _kernel().filter_system_calls(program)


def _become_ordinary_user() -> None:
    """The change of the user gives up every capability (capabilities(7), effect of user ID changes)."""
    kernel = _kernel()
    os.setgroups([])
    kernel.drop_bounding_set()
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    kernel.no_new_privileges()


def _end_processes() -> None:
    """Kill what the ordinary user's part left running."""
    child = os.fork()
    if child == 0:
        try:
            _become_ordinary_user()
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:  # nothing is left
            os._exit(0)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
