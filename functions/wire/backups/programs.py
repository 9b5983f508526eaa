"""Streams from and to programs: what they print, and what they read. A program that fails is an error with the end of what it said."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict

READ_BYTES = 256 * 1024
MAX_ERROR_LINES = 5
END_SECONDS = 10
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
}
"""https://www.postgresql.org/docs/current/libpq-envars.html"""


class ProgramFailed(Exception):
    """A program ended with an error, or is not installed. The text names it and has the end of what it wrote to standard error."""


def postgres_program(name: str) -> str:
    """The path of `pg_dump` or another client program of the newest version installed. Raises ProgramFailed."""
    installed = {int(path.parts[-3]): path for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}") if path.parts[-3].isdecimal()}
    found = str(installed[max(installed)]) if installed else shutil.which(name)
    if not found:
        raise ProgramFailed(f"{name} is not installed. It is part of the package postgresql-client.")
    return found


def postgres_environment(url: str) -> dict[str, str]:
    """Environment variables in place of a URL: the password would be visible in a command line."""
    variables = {_VARIABLES[name]: str(value) for name, value in conninfo_to_dict(url).items() if name in _VARIABLES}
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    return {**inherited, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "capsule-backup", **variables}


def output_of(command: Sequence[str], environment: Mapping[str, str] | None = None, *, accepted: Sequence[int] = (0,)) -> Iterator[bytes]:
    """Yield what a program prints. The program ends with the iteration.

    Raises ProgramFailed after the last chunk, when the program's exit code is not among `accepted`: what came before is not complete then.
    """
    process, errors = _start(command, environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        while chunk := process.stdout.read(READ_BYTES):
            yield chunk
        _require_success(process, command, errors, accepted)
    finally:
        _end(process)


def feed(chunks: Iterable[bytes], command: Sequence[str], environment: Mapping[str, str] | None = None, *, accepted: Sequence[int] = (0,)) -> None:
    """Give a program its input and wait for its end.

    Raises ProgramFailed, and what `chunks` raises: the program is killed then, so that it takes no cut input for the whole.
    """
    process, errors = _start(command, environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    try:
        for chunk in chunks:
            try:
                process.stdin.write(chunk)
            except BrokenPipeError:
                break  # it has ended: its exit code and its words say why
        with suppress(BrokenPipeError):  # as above
            process.stdin.close()
        _require_success(process, command, errors, accepted)
    finally:
        _end(process)


class _Errors(threading.Thread):
    """Reads what a program writes to standard error, and keeps the end of it. Functions have no folder for files."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(name="errors of a program", daemon=True)
        self._stream, self._kept = stream, b""
        self.start()

    def run(self) -> None:
        with self._stream:
            while chunk := self._stream.read1(4096):  # type: ignore[attr-defined]
                self._kept = (self._kept + chunk)[-4096:]

    def lines(self) -> list[str]:
        """The last lines, once the program has ended."""
        self.join(END_SECONDS)
        return [line for line in self._kept.decode(errors="replace").splitlines() if line.strip()][-MAX_ERROR_LINES:]


def _start(
    command: Sequence[str], environment: Mapping[str, str] | None, *, stdin: int = subprocess.DEVNULL, stdout: int
) -> tuple[subprocess.Popen[bytes], _Errors]:
    variables = None if environment is None else dict(environment)
    try:
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=variables)
    except OSError as error:
        raise ProgramFailed(f"{command[0]} cannot be started: {error.strerror or error}") from error
    assert process.stderr is not None
    return process, _Errors(process.stderr)


def _require_success(process: subprocess.Popen[bytes], command: Sequence[str], errors: _Errors, accepted: Sequence[int]) -> None:
    code = process.wait()
    if code in accepted:
        return
    reason = "; ".join(errors.lines()) or (f"killed by signal {-code}" if code < 0 else f"exit code {code}")
    raise ProgramFailed(f"{Path(command[0]).name} failed: {reason}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None and not stream.closed:
            with suppress(BrokenPipeError):  # the program has ended
                stream.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
