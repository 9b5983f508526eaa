"""SIGTERM ends RabbitMQ's applications before Erlang's VM. Here with a `rabbit` of one function, in a VM without RabbitMQ."""

import subprocess
from pathlib import Path

import pytest

from knative.machine import packages, rabbitmq_shutdown
from tests.knative.machine import until
from tests.waiting import wait_limit

STOPS = 'stop() -> file:write_file("stopped", "").'
FAILS = 'stop() -> file:write_file("stopped", ""), exit(bad).'


@pytest.mark.skipif(packages.find_erlang() is None, reason="needs Erlang")
@pytest.mark.parametrize(("stop", "says"), [(STOPS, False), (FAILS, True)], ids=["it stops", "it fails"])
def test_sigterm_stops_the_applications_first_and_the_vm_by_itself_if_that_fails(tmp_path: Path, stop: str, says: bool) -> None:
    (tmp_path / "rabbit.erl").write_text(f"-module(rabbit).\n-export([stop/0]).\n{stop}\n")
    subprocess.run(["erlc", "rabbit.erl"], cwd=tmp_path, check=True, timeout=wait_limit(60))
    arguments = rabbitmq_shutdown.write_script(tmp_path / "on-sigterm.script").split(" ")
    assert len(arguments) == 2, "RabbitMQ's script splits arguments at white space"
    started = ["-eval", 'file:write_file("started","")']
    command = ["erl", "-noinput", *arguments, *started]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as erlang:
        try:
            until(lambda: (tmp_path / "started").exists(), 30)
            erlang.terminate()
            output, _ = erlang.communicate(timeout=wait_limit(30))
        finally:
            erlang.kill()
    assert (tmp_path / "stopped").exists()
    assert erlang.returncode == 0
    assert ("SIGTERM received - shutting down" in output) == says, "the handler of Erlang itself"
