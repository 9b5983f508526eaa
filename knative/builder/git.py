"""Run git for a checkout: without prompts, hooks, configuration of the machine or protocols other than http(s) and ssh."""

import subprocess
import time
from pathlib import Path

from knative.builder.execution import CommandFailed, Limits, Shell
from knative.builder.failure import TIMED_OUT, BuildFailure
from knative.builder.remotes import Remote

ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "http:https:ssh",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C.UTF-8",
}
OPTIONS = (
    "credential.helper=",
    "core.hooksPath=/dev/null",
    "http.followRedirects=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "protocol.version=2",  # the server lists only the requested refs
)


class Git:
    """git for one checkout. `remote` of a call: where its network connections go."""

    def __init__(self, shell: Shell, limits: Limits) -> None:
        self._shell = shell
        self._limits = limits

    def run(self, *arguments: str, cwd: Path, remote: Remote | None = None) -> list[str]:
        """Run git within the deadline and the size limit, and return the end of its output. Raises CommandFailed, BuildFailure."""
        options = [word for setting in (*OPTIONS, *(remote.options if remote else ())) for word in ("-c", setting)]
        environment = {**ENVIRONMENT, **(remote.environment if remote else {})}
        return self._shell.run(["git", *options, *arguments], cwd=cwd, limits=self._limits, quiet=True, variables=environment)

    def read(self, *arguments: str, cwd: Path) -> bytes:
        """Return the complete output of a local command. Raises CommandFailed, BuildFailure at the deadline."""
        environment = self._shell.command_environment(**ENVIRONMENT)
        seconds = max(0.1, self._limits.deadline - time.monotonic())
        try:
            process = subprocess.run(["git", *arguments], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise BuildFailure(TIMED_OUT, "git was stopped: the clone exceeded its time limit.") from error
        if process.returncode:
            raise CommandFailed(process.returncode, process.stderr.decode(errors="replace").splitlines())
        return process.stdout


def last_line(error: CommandFailed) -> str:
    """Return the line that says why git failed: its own, without ssh's and the transport's repetitions."""
    lines = [line for line in error.tail if line.startswith(("fatal: ", "error: ", "remote: "))] or list(error.tail)
    return lines[-1] if lines else f"exit code {error.code}"
