"""How the processes of an installation are stopped: the signal, and how long each may take before it is killed.

`down` needs nothing else of a server, and imports nothing else.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from knative.machine import processes
from knative.machine.home import Home


@dataclass(frozen=True)
class Stop:
    """Of the processes with these names, one after the other."""

    title: str
    names: Sequence[str]
    timeout_seconds: float
    signal_number: int = signal.SIGTERM

    def is_running(self, home: Home) -> bool:
        """Whether the first of them runs."""
        return processes.find_running(home, self.names[0]) is not None

    def run(self, home: Home) -> bool:
        """Stop them. Returns False when none was running."""
        stopped = [processes.stop(home, name, timeout_seconds=self.timeout_seconds, signal_number=self.signal_number) for name in self.names]
        return any(stopped)


KNATIVE = Stop("Knative", ("knative",), 60)
"""It answers the requests that have begun, and gives applications their time to end."""
RABBITMQ = Stop("RabbitMQ", ("rabbitmq", "epmd"), 30)
POSTGRES = Stop("PostgreSQL", ("postgres",), 30, signal.SIGINT)
"""SIGINT is PostgreSQL's "fast" shutdown: it ends sessions and writes a checkpoint. SIGTERM would wait for clients."""
SERVICES_POSTGRES = Stop("Services", ("services-postgres",), 30, signal.SIGINT)
REDIS = Stop("Redis", ("redis",), 10)
SERVERS = (RABBITMQ, POSTGRES, SERVICES_POSTGRES, REDIS)
