"""Runs `capsule` as a process with its own configuration folder, or within the test's process."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.main import app
from knative.machine.home import PROJECT

COMMAND = get_command(app)
"""Built once. CliRunner.invoke builds all commands for each call, which takes 80 ms of CPU, seven times as long as a call."""
CAPSULE = (sys.executable, "-m", "cli")


@dataclass
class Result:
    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)


@dataclass
class Terminal:
    api: str
    config: Path
    cwd: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        own = {"CAPSULE_API": self.api, "CAPSULE_CONFIG": str(self.config), "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}
        return {**inherited, **own, **self.variables}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*CAPSULE, *arguments],
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Result:
        """Run to the end. Fails the test if the exit code differs from `code`; None accepts any."""
        return self.wait(self.start(*arguments), stdin, code)

    def invoke(self, *arguments: str, code: int | None, stdin: str = "") -> Result:
        """As `run`, within this process and its folder, which takes a tenth of the CPU. Standard input is not a terminal."""
        environment = {**self.environment, "CAPSULE_TOKEN": self.variables.get("CAPSULE_TOKEN")}
        with CliRunner().isolation(stdin, environment) as (out, err, _):
            with pytest.raises(SystemExit) as ended:
                COMMAND.main(list(arguments), prog_name="capsule")
            sys.stdout.flush()
            sys.stderr.flush()
            result = Result(int(ended.value.code or 0), out.getvalue().decode(), err.getvalue().decode())
        assert code is None or result.exit_code == code, (arguments, result)
        return result

    def wait(self, process: subprocess.Popen[str], stdin: str = "", code: int | None = 0) -> Result:
        out, err = process.communicate(stdin, timeout=180)
        assert code is None or process.returncode == code, (process.args, process.returncode, out, err)
        return Result(process.returncode, out, err)

    def read_until(self, process: subprocess.Popen[str], text: str, name: Literal["stdout", "stderr"] = "stdout", seconds: float = 60) -> None:
        """Read a stream up to the line that contains `text`; fail after `seconds`."""
        stream = process.stderr if name == "stderr" else process.stdout
        assert stream
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        try:
            while text not in (line := stream.readline()):
                assert line, f"{process.args!r} ended or was killed after {seconds} s without {text!r}: {process.communicate()}"
        finally:
            killer.cancel()

    def interrupt(self, process: subprocess.Popen[str]) -> Result:
        """Send SIGINT, as Ctrl-C does, and wait for the end."""
        process.send_signal(signal.SIGINT)
        return self.wait(process, code=None)
