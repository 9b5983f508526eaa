"""The output of a build's programs in its log: whole lines, the last state of a progress bar, no control sequences, no secrets."""

import sys
import time
from pathlib import Path

import pytest

from functions.wire.log_lines import MAX_LINE_BYTES
from knative.builder.execution import Limits, Shell

PROGRAM = r"""
import os
write = lambda data: os.write(1, data)
write(b"10%\r50%\r100%\n")
write(b"\x1b[32mgreen\x1b[0m\x00\n")
write("漢".encode()[:1]); write("漢".encode()[1:] + b"\n")
write(b"key=hunter2hunter2\n")
write(b"x" * 70000 + b"\n")
write(b"caf\xe9, no end")
"""


def test_output_becomes_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell({}, tmp_path / "home", secrets=("hunter2hunter2",))
    limits = Limits(time.monotonic() + 60, tmp_path, 1 << 20)
    lines = shell.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, limits=limits)
    assert lines == ["100%", "green", "漢", "key=***", "x" * MAX_LINE_BYTES + " … [cut: 4,464 bytes]", "caf\ufffd, no end"]
    assert capsys.readouterr().out == "".join(f"    {line}\n" for line in lines)


def test_output_that_the_builder_reads_is_whole(tmp_path: Path) -> None:
    shell = Shell({}, tmp_path / "home")
    limits = Limits(time.monotonic() + 60, tmp_path, 1 << 20)
    assert shell.run([sys.executable, "-c", "print('x' * 1_000_000)"], cwd=tmp_path, limits=limits, quiet=True) == ["x" * 1_000_000]
