"""The load: requests by wrk, which costs next to nothing itself, and events at a fixed rate."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 32


class Missing(Exception):
    """Something the bench needs is not installed. The text says how to get it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in milliseconds. `refused`: answers of 400 and above."""

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


def wrk(method: str, url: str, path: str, tokens: Path, seconds: float, prefix: str = "", connections: int = CONNECTIONS) -> Measured:
    found = shutil.which("wrk")
    if found is None:
        raise Missing("wrk is not installed: apt-get install wrk")
    command = [found, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT), url]
    done = subprocess.run([*command, "--", method, path, str(tokens), prefix], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"wrk ended with {done.returncode}: {done.stderr or done.stdout}")
    return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))
