"""How this process is: what a context's health query reports."""

import os
import resource
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from functions.runtime.storage.database import Database, DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class Memory:
    """In MB (10^6 bytes): resident, and the limit (the process's address space limit, else the machine's memory)."""

    used: int
    total: int


@dataclass(frozen=True, slots=True)
class DatabaseVitals:
    connected: bool
    response_ms: float


class HealthInfo:
    def __init__(self, database: Database, context: str) -> None:
        self._database = database
        self.service = f"{context}-service"

    def version(self) -> str:
        return version("capsule")

    def memory(self) -> Memory:
        return Memory(_resident() // 1_000_000, _limit() // 1_000_000)

    async def database(self) -> DatabaseVitals:
        began = time.perf_counter()
        try:
            await self._database.ping()
        except DatabaseUnavailable:
            return DatabaseVitals(False, 0.0)
        return DatabaseVitals(True, round((time.perf_counter() - began) * 1000, 2))


def _resident() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit() -> int:
    cgroup = Path("/sys/fs/cgroup/memory.max")
    if cgroup.exists() and (text := cgroup.read_text().strip()).isdigit():
        return int(text)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
