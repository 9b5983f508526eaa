"""The operator's hook for DNS-01 challenges (RFC 8555 section 8.4): a program that creates and deletes TXT records.

    HOOK present NAME VALUE    create the TXT record; exit once every name server of the zone answers with it
    HOOK cleanup NAME VALUE    delete that record, and no other of the name

`NAME` has no dot at its end, `VALUE` no quotes. Exit code 0 is success. The program runs from a copy in memory, in the folder `/`, without standard
input, with PATH, LANG, HOME and the variables of proxies and authorities only: it may hold the token of a DNS provider itself. What it
starts ends with it.
"""

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PRESENT_SECONDS, CLEANUP_SECONDS = 180, 60
MAX_BYTES = 256 * 1024
"""Of the program: it is an entry of a Secret, which has at most 1 MiB."""
MAX_OUTPUT_BYTES = 400
"""The end of what the hook printed, in messages."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")


class HookFailed(Exception):
    """`output`: the end of what the hook printed, for the operator only: it may name secrets."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output

    @property
    def detail(self) -> str:
        return f"{self} It printed: {self.output}" if self.output else str(self)


class DnsHook:
    """Blocking. Raises HookFailed."""

    def __init__(self, program: bytes, *, present_seconds: float = PRESENT_SECONDS, cleanup_seconds: float = CLEANUP_SECONDS) -> None:
        self._program = program
        self._seconds = {"present": present_seconds, "cleanup": cleanup_seconds}

    def present(self, name: str, value: str) -> None:
        self._run("present", name, value)

    def cleanup(self, name: str, value: str) -> None:
        self._run("cleanup", name, value)

    def _run(self, action: str, name: str, value: str) -> None:
        with _executable(self._program) as program, _output() as output:
            try:
                process = subprocess.Popen(
                    [f"/proc/self/fd/{program}", action, name, value],
                    pass_fds=(program,),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/", **{key: os.environ[key] for key in PASSED if key in os.environ}},
                    start_new_session=True,
                )
            except OSError as error:
                reason = "it begins neither with #! nor as a program" if error.errno == errno.ENOEXEC else error.strerror
                raise HookFailed(f"The DNS hook cannot be started: {reason}.") from error
            seconds = self._seconds[action]
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with suppress(ProcessLookupError):  # what it started in the background, too
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if code != 0:
                how = f"did not end within {seconds:g} s" if code is None else f"exited with {code}" if code > 0 else f"was ended by signal {-code}"
                raise HookFailed(f"The DNS hook {how}: {action} {name}.", _tail(output))


@contextmanager
def _executable(program: bytes) -> Iterator[int]:
    """A descriptor of the program in memory. It is read-only, because the kernel executes no file that is open for writing (execve(2), ETXTBSY)."""
    writable = os.memfd_create("dns-hook")
    try:
        with os.fdopen(os.dup(writable), "wb") as file:
            file.write(program)
        readable = os.open(f"/proc/self/fd/{writable}", os.O_RDONLY)
    finally:
        os.close(writable)
    try:
        yield readable
    finally:
        os.close(readable)


@contextmanager
def _output() -> Iterator[int]:
    """In memory: a pipe would stay open as long as a program in the background holds it."""
    descriptor = os.memfd_create("dns-hook-output")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _tail(output: int) -> str:
    size = os.fstat(output).st_size
    text = os.pread(output, MAX_OUTPUT_BYTES, max(0, size - MAX_OUTPUT_BYTES)).decode(errors="replace")
    return " ".join(text.split())
