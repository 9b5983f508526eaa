"""HTTP load by wrk, which needs little CPU itself."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knative.machine import packages

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 32


class Missing(Exception):
    """Something that the bench needs is missing or does not work. The message says what, and how to install it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a run. Latencies in milliseconds; `refused`: answers with 400 and above; `broken`: connection errors and timeouts."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def wrk(
    method: str,
    url: str,
    path: str,
    tokens: Path,
    seconds: float,
    *,
    prefix: str = "",
    cache_control: str = "",
    connections: int = CONNECTIONS,
) -> Measured:
    """Run wrk, with another token of the file `tokens` for each request.

    `method`: GET, POST (of applications), or MIXED: 70 % GET of the path and 30 % POST of applications. `prefix`: of the names of applications.
    """
    options = ["-s", str(SCRIPT), url, "--", method, path, str(tokens), prefix, cache_control]
    return Measured(**json.loads(_run(connections, seconds, options).strip().splitlines()[-1]))


def rate_of(url: str, host: str, connections: int, seconds: float) -> float:
    """Requests per second that get an answer below 400 from `url`, with this Host."""
    output = _run(connections, seconds, ["-H", f"Host: {host}", url])
    match = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if match is None or "Non-2xx" in output or "Socket errors" in output:
        raise Missing(f"{host} did not answer every request: {output}")
    return float(match[1])


def _run(connections: int, seconds: float, options: Sequence[str]) -> str:
    program = packages.WRK.find()
    if program is None:
        raise Missing("wrk is not installed. Install it: apt-get install wrk")
    command = [str(program), "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Missing(f"wrk exited with {result.returncode}: {result.stderr or result.stdout}")
    return result.stdout
