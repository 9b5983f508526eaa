"""Container logs in real files: records, partial lines, rotation, truncation, files that vanish, and where a restart goes on."""

import gzip
from pathlib import Path

import pytest

from knative.collector import log_files
from knative.collector.cri import MAX_RECORD_BYTES, Assembler, Line, Place, parse_record
from knative.collector.log_files import LogFile, Position, current_logs
from tests.collector.node import Container


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path / "web")


def read_all(file: LogFile) -> list[str]:
    return [line.text for line, _ in found_in(file)]


def found_in(file: LogFile) -> list[tuple[Line, Position]]:
    found: list[tuple[Line, Position]] = []
    while (chunk := file.read()) is not None:
        found += chunk
    return found


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"2026-11-30T08:00:00.123456789Z stdout F hello world", ("stdout", False, b"hello world")),
        (b"2026-11-30T08:00:00.5+01:00 stderr P part ", ("stderr", True, b"part ")),
        (b"2026-11-30T08:00:00Z stdout F ", ("stdout", False, b"")),
        (b"2026-11-30T08:00:00Z stdout F", ("stdout", False, b"")),
        (b"2026-11-30T08:00:00Z stdout P:x:y \xff\r", ("stdout", True, b"\xff\r")),
    ],
)
def test_a_record_is_parsed(line: bytes, parsed: tuple[str, bool, bytes]) -> None:
    record = parse_record(line)
    assert record is not None and (record.stream, record.is_partial, record.content) == parsed


@pytest.mark.parametrize("line", [b"", b"\x00\x00\x00", b"hello", b"2026-11-30T08:00:00Z stdin F x", b'{"log":"docker"}'])
def test_what_is_no_record_is_passed_over(line: bytes) -> None:
    assert parse_record(line) is None
    assert Assembler().feed(line, 10) == ([], Place(10))


def test_partial_records_of_both_streams_become_whole_lines(container: Container) -> None:
    container.write("one ", tag="P")
    container.write("error ", stream="stderr", tag="P")
    container.write("two")
    container.write("end", stream="stderr")
    file = LogFile(container.folder, "0.log")
    found = found_in(file)
    assert [(line.stream, line.text) for line, _ in found] == [("stdout", "one two"), ("stderr", "error end")]
    resumed = LogFile(container.folder, "0.log", found[0][1])
    assert read_all(resumed) == ["error end"], "the line of stdout is not repeated, that of stderr is whole"


def test_a_long_line_is_cut_and_marked_within_bounded_memory(container: Container) -> None:
    for _ in range(20):
        container.write("x" * (16 << 10), tag="P")
    container.write("end")
    (line,) = read_all(LogFile(container.folder, "0.log"))
    assert line.startswith("xxx") and line.endswith("bytes]") and len(line) < 66_000


def test_a_file_without_line_ends_is_passed_over_in_bounded_memory(container: Container) -> None:
    container.path.write_bytes(b"\x00" * (3 * MAX_RECORD_BYTES) + b"\n")
    container.write("after")
    file = LogFile(container.folder, "0.log")
    assert read_all(file) == ["after"]


def test_a_line_is_read_when_it_is_whole(container: Container) -> None:
    file = LogFile(container.folder, "0.log")
    assert file.read() is None, "no file yet"
    with container.path.open("w") as stream:
        stream.write("2026-11-30T08:00:00Z stdout F hel")
        stream.flush()
        assert read_all(file) == []
        stream.write("lo\n")
    assert read_all(file) == ["hello"]


def test_rotations_are_followed_also_several_between_two_looks(container: Container) -> None:
    container.write("a")
    file = LogFile(container.folder, "0.log")
    assert read_all(file) == ["a"]
    container.write("b")
    container.rotate()
    assert read_all(file) == ["b"], "the runtime writes to the renamed file until it opens a new one"
    container.write("c")
    container.rotate()
    container.write("d1", tag="P")
    container.rotate()
    container.write("d2")
    assert read_all(file) == ["c", "d1d2"]


def test_a_rotated_file_that_is_deleted_while_it_is_open_is_read_to_its_end(container: Container) -> None:
    container.write("a")
    file = LogFile(container.folder, "0.log")
    assert read_all(file) == ["a"]
    container.write("b")
    rotated = container.rotate()
    container.write("c")
    with gzip.open(f"{rotated}.gz", "wb") as compressed:
        compressed.write(rotated.read_bytes())
    rotated.unlink()
    assert read_all(file) == ["b", "c"]


def test_a_restart_goes_on_in_a_rotated_file(container: Container) -> None:
    container.write("a", "b")
    first = found_in(LogFile(container.folder, "0.log"))[0][1]
    container.rotate()
    container.write("c")
    assert read_all(LogFile(container.folder, "0.log", first)) == ["b", "c"]


def test_a_restart_without_its_file_begins_with_the_oldest_that_is_left(container: Container) -> None:
    container.write("a", "b")
    first = found_in(LogFile(container.folder, "0.log"))[0][1]
    container.rotate().unlink()
    container.write("c")
    container.rotate()
    container.write("d")
    file = LogFile(container.folder, "0.log", first)
    assert read_all(file) == ["c", "d"]
    assert file.lost_files == 1


def test_the_inode_of_a_deleted_file_is_not_taken_for_the_same_file(container: Container) -> None:
    container.write("a", "b")
    first = found_in(LogFile(container.folder, "0.log"))[0][1]
    container.path.write_text("2027-01-01T00:00:00.000000000Z stdout F of another file\n2027-01-01T00:00:01Z stdout F second\n")
    assert read_all(LogFile(container.folder, "0.log", first)) == ["of another file", "second"], "the inode is the same, the head is not"


def test_a_truncated_file_is_read_from_its_beginning(container: Container) -> None:
    container.write("long " * 20)
    file = LogFile(container.folder, "0.log")
    read_all(file)
    container.path.write_text("2026-11-30T09:00:00Z stdout F new\n")
    assert read_all(file) == ["new"]


def test_skipping_counts_records_and_stops_at_a_line(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "CHUNK_BYTES", 64)
    monkeypatch.setattr(log_files, "SKIP_BYTES", 64)
    container.write(*(f"line {number}" for number in range(100)))
    file = LogFile(container.folder, "0.log")
    file.read()
    unread = file.unread_bytes()
    skipped = file.skip(unread - 100)
    assert skipped is not None
    lines = read_all(file)
    assert lines[-1] == "line 99" and 0 < len(lines) <= 3
    assert skipped[0] + len(lines) in (99, 100), "each record is read or counted"
    assert read_all(LogFile(container.folder, "0.log", skipped[1])) == lines


def test_the_runs_of_a_container_are_found_in_order(container: Container) -> None:
    for name in ("10.log", "2.log", "0.log", "0.log.20261130-080000", "1.log.20261130-080000.gz", "previous"):
        (container.folder / name).touch()
    assert current_logs(container.folder) == ["0.log", "2.log", "10.log"]
    assert current_logs(container.folder / "missing") == []
