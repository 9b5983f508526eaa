"""A log line is written or lost; it never fails what it reports on."""

import io
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from functions.wire.log_output import write_log_line

WRITE = "from functions.wire.log_output import write_log_line\nfor _ in range(2000): write_log_line({'log': 'x' * 100})\nprint('goes on')"


@pytest.mark.parametrize("line", [{"detail": "\ud800"}, {"value": object()}, {"value": 2**70}, {"value": {1: b"\xff"}}])
def test_any_content_is_a_line_of_json(line: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stderr", stream)
    write_log_line(line)
    written = stream.buffer.getvalue()  # type: ignore[attr-defined]
    assert written.count(b"\n") == 1 and written.startswith(b"{")


def test_a_line_is_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_log_line({"log": "request", "status": 200})
    assert orjson.loads(capsysbinary.readouterr().err) == {"log": "request", "status": 200}


@pytest.mark.parametrize("output", ["no reader", "full disk", "closed"])
def test_no_output_fails_its_writer(output: str) -> None:
    root = Path(__file__).parents[2]
    read_end, write_end = os.pipe()
    os.close(read_end)
    descriptor = os.open("/dev/full", os.O_WRONLY) if output == "full disk" else write_end
    shell = ["sh", "-c", 'exec "$0" "$@" 2>&-'] if output == "closed" else []
    done = subprocess.run([*shell, sys.executable, "-c", WRITE], stdout=subprocess.PIPE, stderr=descriptor, cwd=root, check=False)
    os.close(write_end)
    assert done.stdout == b"goes on\n"
