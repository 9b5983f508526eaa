"""`capsule` as a person runs it: a process with a folder for its configuration and an API to talk to."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from typer.testing import CliRunner

from cli.main import app
from knative.machine.home import PROJECT

runner = CliRunner()
CAPSULE = (sys.executable, "-m", "cli")


@dataclass
class Done:
    code: int
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
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        own = {"CAPSULE_API": self.api, "CAPSULE_CONFIG": str(self.config), "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}
        return {**inherited, **own, **self.more}

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*CAPSULE, *words], cwd=self.cwd, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: str, typed: str = "", code: int | None = 0) -> Done:
        """Fails the test if it ends otherwise; None: however it ends."""
        return self.end(self.begin(*words), typed, code)

    def type(self, *words: str, code: int) -> Done:
        """The same without a process of its own, for what is over at once."""
        ended = runner.invoke(app, list(words), prog_name="capsule", env={**self.environment, "CAPSULE_TOKEN": self.more.get("CAPSULE_TOKEN")})
        assert ended.exit_code == code, (words, ended.exit_code, ended.output, ended.exception)
        return Done(ended.exit_code, ended.stdout, ended.stderr)

    def end(self, process: subprocess.Popen[str], typed: str = "", code: int | None = 0) -> Done:
        out, err = process.communicate(typed, timeout=180)
        assert code is None or process.returncode == code, (process.args, process.returncode, out, err)
        return Done(process.returncode, out, err)

    def read_until(self, process: subprocess.Popen[str], text: str, of: Literal["stdout", "stderr"] = "stdout", seconds: float = 60) -> None:
        """What comes as it comes, up to the line that has it in it."""
        stream = process.stderr if of == "stderr" else process.stdout
        assert stream
        too_late = threading.Timer(seconds, process.kill)
        too_late.start()
        try:
            while text not in (line := stream.readline()):
                assert line, f"{process.args!r} ended or was killed after {seconds} s without {text!r}: {process.communicate()}"
        finally:
            too_late.cancel()

    def interrupt(self, process: subprocess.Popen[str]) -> Done:
        """Ctrl-C."""
        process.send_signal(signal.SIGINT)
        return self.end(process, code=None)
