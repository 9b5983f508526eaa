"""A container's log: what a process writes to its pipe arrives in lines, in the file and as the tail."""

import asyncio
import os
from pathlib import Path

from functions.wire.log_lines import MAX_LINE_BYTES
from knative.local.serving.pods.logs import TAIL_BYTES, Log


async def write(log: Log, *pieces: bytes) -> None:
    descriptor = log.open_pipe("stdout")
    for piece in pieces:
        await asyncio.to_thread(os.write, descriptor, piece)
    os.close(descriptor)
    await log.drain(60)


async def test_lines_are_whole_in_the_file(tmp_path: Path) -> None:
    seen: list[str] = []
    log = Log(tmp_path / "c.log", lambda stream, lines: seen.extend(lines))
    long = "漢" * 10_000
    await write(log, b"10%\r100%\n", long.encode()[:20_000], long.encode()[20_000:] + b"\nlast", b" line")
    log.close()
    assert seen == ["100%", long, "last line"]
    assert [line.split(" ", 3)[2:] for line in (tmp_path / "c.log").read_text().splitlines()] == [["F", "100%"], ["F", long], ["F", "last line"]]


async def test_a_line_beyond_the_limit_is_marked(tmp_path: Path) -> None:
    seen: list[str] = []
    log = Log(tmp_path / "c.log", lambda stream, lines: seen.extend(lines))
    await write(log, *[b"x" * 32_768] * 3, b"\nnext\n")
    log.close()
    assert seen == ["x" * MAX_LINE_BYTES + " … [cut: 32,768 bytes]", "next"]


async def test_the_tail_is_whole_lines(tmp_path: Path) -> None:
    log = Log(tmp_path / "c.log")
    await write(log, b"".join(b"line %d %s\n" % (number, b"x" * 90) for number in range(80)))
    lines = log.tail.split("\n")
    assert all(line.startswith("line ") for line in lines) and lines[-1].startswith("line 79") and len(log.tail) <= TAIL_BYTES
    log.clear_tail()
    await write(log, "漢".encode() * 5000)
    assert log.tail.endswith("漢…") and TAIL_BYTES - 8 < len(log.tail.encode()) <= TAIL_BYTES
    log.close()
