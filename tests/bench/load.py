"""HTTP load by wrk, which needs little CPU itself."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

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


def wrk(method: str, url: str, path: str, tokens: Path, seconds: float, *, prefix: str = "", cache_control: str = "") -> Measured:
    """Run wrk, with another token of the file `tokens` for each request. `prefix`: of the application names that a POST creates."""
    program = shutil.which("wrk")
    if program is None:
        raise Missing("wrk is not installed. Install it: apt-get install wrk")
    command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT), url]
    result = subprocess.run([*command, "--", method, path, str(tokens), prefix, cache_control], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Missing(f"wrk exited with {result.returncode}: {result.stderr or result.stdout}")
    return Measured(**json.loads(result.stdout.strip().splitlines()[-1]))
