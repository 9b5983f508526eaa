"""A function under functions-framework's own server does what it does under `serve`."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.runtime.harness import ROOT, Worker, World, free_port
from tests.runtime.messages import deposit, request

SOURCE = ROOT / "functions/runtime/serving/framework.py"


@contextmanager
def framework_worker(world: World) -> Iterator[Worker]:
    """It gets SIGTERM, since its server has a process below it that would go on after a kill."""
    port = free_port()
    log = world.folder / f"framework-{port}.log"
    command = [str(Path(sys.executable).with_name("functions-framework")), "--asgi", "--target", "capsule", "--host", "127.0.0.1"]
    with log.open("wb") as output:
        arguments = [*command, "--source", str(SOURCE), "--port", str(port)]
        process = subprocess.Popen(arguments, env=world.environment(), cwd=ROOT, stderr=output, stdout=output)
    worker = Worker(process, port, log)
    try:
        yield world.ready(worker)
    finally:
        worker.stop()


def test_a_command_under_functions_framework_changes_state_once_and_answers(world: World) -> None:
    with framework_worker(world) as worker:
        command = request("probe.deposit")
        for _ in range(2):
            assert worker.post(command, deposit(account="framework")) == 204
            headers, body = world.reply(command["correlationid"])
            assert (headers["outcome"], headers["status"], body) == ("done", "201", {"total": 100})
        assert world.count("deposits WHERE account = 'framework'") == 1
        assert worker.post({}, b"{}") == 400, "what is no CloudEvent is answered by the function itself"
