"""The CPU that a system and its servers use, and the numbers of a load."""

from collections.abc import Callable
from dataclasses import asdict

from tests.bench import load, usage
from tests.bench.systems import Capsule, System

Numbers = dict[str, float]


class Meter:
    """CPU time that a system and its servers use from the construction on."""

    def __init__(self, system: System, capsule: Capsule) -> None:
        self._system, self._capsule = system, host_of(system, capsule)
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        servers = {name: usage.cpu_seconds([process]) for name, process in self._capsule.servers().items()}
        return {"own": usage.cpu_seconds(self._system.roots()), **servers}

    def per_item(self, count: int) -> Numbers:
        """Microseconds of CPU per item, for `count` items."""
        now = self._now()
        used = {name: (now[name] - before) / max(count, 1) * 1e6 for name, before in self._before.items()}
        return {"cpu": sum(used.values()), **{f"cpu {name}": value for name, value in used.items()}}


def host_of(system: System, capsule: Capsule) -> Capsule:
    """Return the Capsule whose servers a system uses: its own, or `capsule` for a peer."""
    return system if isinstance(system, Capsule) else capsule


def rates(result: load.Measured) -> Numbers:
    fields = asdict(result)
    return {"rate": result.rate, **{name: float(fields[name]) for name in ("p50", "p95", "p99", "refused", "broken")}}


def drained(system: System) -> Callable[[], tuple[int, int] | None]:
    """Returns what finds the effects (`System.effects`) once all applications that are created from now on have been handled, else None."""
    before = system.effects()

    def find() -> tuple[int, int] | None:
        now = system.effects()
        return now if now[0] - before[0] == now[1] - before[1] else None

    return find
