"""What tests do to RabbitMQ and PostgreSQL: kill them, and turn RabbitMQ's own screws."""

import subprocess
from typing import Any

from knative.machine import packages, processes


def kill(server: Any) -> None:
    """SIGKILL to a server's process, recorded when it was started."""
    process = processes.running(server.home, server.name)
    assert process is not None
    process.kill()
    processes.await_ended([process], 10)


def control(server: Any, *words: str) -> str:
    """`rabbitmqctl`; answers what it prints."""
    folder = packages.find_rabbitmq()
    assert folder is not None
    done = subprocess.run([folder / "rabbitmqctl", *words], env=server._configure(None), check=True, capture_output=True, timeout=60, text=True)
    return done.stdout
