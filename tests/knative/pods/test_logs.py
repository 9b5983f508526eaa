"""A container's log: what a process writes to its pipe arrives in lines, in the file and as the tail."""

import asyncio
import os
from pathlib import Path

import pytest

from functions.wire.log_lines import MAX_LINE_BYTES
from knative.local.serving.pods.logs import BURST_BYTES, CHUNK_BYTES, LINE_COST_BYTES, TAIL_BYTES, Log


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


@pytest.mark.parametrize("is_limited", [True, False])
async def test_a_container_that_prints_fast_waits_unless_it_is_the_platforms(tmp_path: Path, is_limited: bool) -> None:
    log = Log(tmp_path / "c.log", is_limited=is_limited)
    descriptor = log.open_pipe("stdout")
    os.set_blocking(descriptor, False)
    written = 0
    try:
        while written < 3 * BURST_BYTES:
            written += os.write(descriptor, b"x" * 1023 + b"\n")
            await asyncio.sleep(0)
    except BlockingIOError:
        assert is_limited and written >= BURST_BYTES * 1024 // (1024 + LINE_COST_BYTES) - CHUNK_BYTES
    else:
        assert not is_limited
    finally:
        os.close(descriptor)
        log.close()
