"""The converter with archives that no tar would write: nothing outside of its folder changes, limits hold, and a refusal is one sentence."""

import contextlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.unpacking import unpack
from knative.local.unpacking.archive import BLOCK, MAX_EXTENSION_BYTES, Archive, Refused
from knative.local.unpacking.unpacker import Limits, Unpacker

LIMITS = Limits(bytes=20_000, file_bytes=10_000, entries=25)
Header = tuple[bytes, bytes, bytes, int, bytes]
"""name, type, target, mode, content"""


def block(name: bytes, type: bytes, target: bytes = b"", mode: int = 0o644, size: int = 0, mtime: int = 1_700_000_000) -> bytes:
    """Return a header without the checks that tarfile makes."""
    fields = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0        %s%sustar  \0" % (
        name[:100].ljust(100, b"\0"), mode, 0, 0, size, mtime, type, target[:100].ljust(100, b"\0"),
    )  # fmt: skip
    header = fields.ljust(BLOCK, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def entry(name: bytes, type: bytes = b"0", target: bytes = b"", mode: int = 0o644, content: bytes = b"", size: int | None = None) -> bytes:
    made = b""
    for long, text in ((b"L", name), (b"K", target)):
        if len(text) > 100:
            made += block(b"././@LongLink", long, size=len(text) + 1) + padded(text + b"\0")
    return made + block(name, type, target, mode, len(content) if size is None else size) + padded(content)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % BLOCK)


ROOT, END = entry(b"image/", b"5"), b"\0" * 1024


@contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """Yield a folder that must not change, and the folder to unpack into."""
    with tempfile.TemporaryDirectory() as folder:
        outside, inside = Path(folder, "outside"), Path(folder, "image")
        outside.mkdir()
        inside.mkdir()
        (outside / "victim").write_text("untouched")
        os.chmod(outside / "victim", 0o640)
        yield outside, inside


def state(folder: Path) -> list[tuple[object, ...]]:
    found = []
    for path in (folder, *sorted(folder.rglob("*"))):
        about = path.lstat()
        found.append((path, about.st_mode, about.st_uid, about.st_nlink, about.st_mtime_ns, path.read_bytes() if path.is_file() else b""))
    return found


def _open_below(folder: Path) -> list[str]:
    """Return the open files and folders below a folder.

    Other descriptors of this process may be closed by the garbage collector.
    """
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the descriptor of the listing itself
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sorted(name for name in found if name.startswith(str(folder)))


def run(archive: bytes, inside: Path, limits: Limits = LIMITS) -> str:
    """Unpack an archive. Returns "" or why it was refused."""
    root, mask = os.open(inside, os.O_RDONLY | os.O_DIRECTORY), os.umask(0)
    before = _open_below(inside)
    try:
        Unpacker(root, b"image", limits).unpack(Archive(io.BytesIO(archive)))
    except Refused as refused:
        assert str(refused) and "\n" not in str(refused) and len(str(refused)) < 700
        return str(refused)
    else:
        return ""
    finally:
        assert _open_below(inside) == before, "a descriptor is left open"
        os.umask(mask)
        os.close(root)


def check(inside: Path, limits: Limits = LIMITS) -> None:
    """Check that only files, folders and links exist, with plain modes and within the limits."""
    entries, sizes = 0, {}
    for where, below, files in os.walk(os.fsencode(inside)):
        for name in (*below, *files):
            path = os.path.join(where, name)
            about = os.lstat(path)
            entries += 1
            assert stat.S_IFMT(about.st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK), path
            if not stat.S_ISLNK(about.st_mode):
                assert stat.S_IMODE(about.st_mode) in ((0o755,) if stat.S_ISDIR(about.st_mode) else (0o644, 0o755)), path
            if stat.S_ISREG(about.st_mode):
                sizes[about.st_ino] = about.st_size
    assert entries <= limits.entries and sum(sizes.values()) <= limits.bytes and max(sizes.values(), default=0) <= limits.file_bytes


part = st.sampled_from([b"a", b"b", b"c", b"link", b"..", b".", b"", b"x" * 255, b"x" * 256, b"\xff", b"\n", b"-rf", b"victim", b"outside"])
name = st.one_of(
    st.lists(part, min_size=1, max_size=5).map(lambda parts: b"image/" + b"/".join(parts)),
    st.lists(part, min_size=1, max_size=4).map(b"/".join),
    st.sampled_from(
        [b"/etc/x", b"image", b"image/", b"../outside/victim", b"image/../../outside/victim", b"image/" + b"d/" * 120 + b"f", b"image/a/"]
    ),
    st.binary(max_size=120).map(lambda raw: b"image/" + raw),
)
target = st.one_of(st.sampled_from([b"../outside", b"../../outside", b"/", b".", b"..", b"", b"x" * 5000, b"image/a", b"image/link/victim"]), name)
kind = st.sampled_from([b"0", b"0", b"5", b"5", b"2", b"2", b"1", b"1", b"\0", b"7", b"3", b"4", b"6", b"S", b"g", b"L", b"K", b"x", b"Z", b"\xff"])
header = st.tuples(name, kind, target, st.sampled_from([0o644, 0o755, 0o4755, 0o1777, 0, 0o7777]), st.binary(max_size=3000))
likely = st.tuples(
    st.sampled_from([b"image/a", b"image/b", b"image/c", b"image/a/victim", b"image/b/victim", b"image/a/b", b"image/a/b/victim", b"image/b/a"]),
    st.sampled_from([b"0", b"0", b"5", b"2", b"1"]),
    st.sampled_from([b"../outside", b"../outside", b"../../outside", b"a", b"image/a", b"image/b/victim"]),
    st.sampled_from([0o644, 0o6777]),
    st.sampled_from([0, 600, 9_000, 9_000]).map(bytes),
)
"""Plausible entries, so that many are accepted before one is refused."""
common = settings(max_examples=200)


@common
@given(st.lists(likely, max_size=8, unique_by=lambda each: each[0]), st.lists(header, max_size=10), st.booleans())
def test_any_sequence_of_entries_stays_within_the_folder(first: list[Header], rest: list[Header], ends: bool) -> None:
    made = [entry(name, kind, target, mode, content if kind in b"07LKxgS" else b"") for name, kind, target, mode, content in (*first, *rest)]
    archive = ROOT + b"".join(made)
    with folders() as (outside, inside):
        before = state(outside)
        refused = run(archive + (END if ends else b""), inside)
        assert state(outside) == before and sorted(os.listdir(inside.parent)) == ["image", "outside"]
        check(inside)
        assert refused or ends, "an archive without an end is refused"


@common
@given(st.lists(header, max_size=6), st.data())
def test_any_damaged_archive_stays_within_the_folder(headers: list[Header], data: st.DataObject) -> None:
    """Change bytes of an archive, with a correct checksum for half of them, or cut it."""
    archive = bytearray(ROOT + b"".join(entry(name, kind, target, mode, content) for name, kind, target, mode, content in headers) + END)
    for _ in range(data.draw(st.integers(0, 6))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        for start in range(0, len(archive) - BLOCK, BLOCK):
            if archive[start + 257 : start + 262] == b"ustar":
                archive[start + 148 : start + 156] = b" " * 8
                archive[start + 148 : start + 156] = b"%06o\0 " % sum(archive[start : start + BLOCK])
    with folders() as (outside, inside):
        before = state(outside)
        run(bytes(archive[: data.draw(st.integers(0, len(archive)))]), inside)
        assert state(outside) == before
        check(inside)


@common
@given(st.binary(max_size=4000))
def test_any_bytes_are_refused(archive: bytes) -> None:
    with folders() as (outside, inside):
        before = state(outside)
        assert run(archive, inside)
        assert state(outside) == before and os.listdir(inside) == []


files = st.dictionaries(
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=60), st.binary(max_size=500)
)


@common
@given(
    files.map(lambda found: {name: data for name, data in found.items() if name not in (".", "..")}),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_a_valid_archive_is_unpacked_completely(found: dict[str, bytes], format: int) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=format) as archive:
        for folder in ("image", "image/" + "deep" * 30):
            about = tarfile.TarInfo(folder)
            about.type = tarfile.DIRTYPE
            archive.addfile(about)
        for name, data in found.items():
            about = tarfile.TarInfo(f"image/{'deep' * 30}/{name}")
            about.size, about.mtime = len(data), 1_700_000_000
            archive.addfile(about, io.BytesIO(data))
    with folders() as (_, inside):
        limits = Limits(bytes=1 << 20, file_bytes=1000, entries=1000)
        assert run(made.getvalue(), inside, limits) == ""
        check(inside, limits)
        arrived = {path.name: path.read_bytes() for path in (inside / ("deep" * 30)).iterdir()}
        assert arrived == found
        assert all(path.stat().st_mtime == 1_700_000_000 for path in (inside / ("deep" * 30)).iterdir())


FOLDER, LINK = entry(b"image/d", b"5"), entry(b"image/link", b"2", b"../outside")


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (LINK + entry(b"image/link/victim", content=b"x"), "whose parent is not a folder of the image"),
        (LINK + entry(b"image/link", b"5"), "twice"),
        (LINK + entry(b"image/link", content=b"x"), "twice"),
        (LINK + entry(b"image/hard", b"1", b"image/link"), "which is not a file"),
        (LINK + entry(b"image/hard", b"1", b"image/link/victim"), "whose parent is not a folder"),
        (FOLDER + entry(b"image/hard", b"1", b"image/d"), "which is not a file"),
        (entry(b"image/hard", b"1", b"image/none"), "which is not in the image"),
        (entry(b"image/hard", b"1", b"/etc/passwd"), "is not allowed"),
        (entry(b"image/f") + entry(b"image/f/g"), "whose parent is not a folder"),
        (entry(b"image/none/g"), "whose parent is not a folder"),
        (entry(b"image/../x"), "is not allowed"),
        (entry(b"/image/x"), "is not allowed"),
        (entry(b"imagex/x"), "is not allowed"),
        (entry(b"image/" + b"n" * 256), "has 256 bytes; 255 are allowed"),
        (entry(b"image/" + b"/".join([b"n" * 200] * 6)), "bytes; 1,024 are allowed"),
        (entry(b"image/pipe", b"6"), "is a named pipe"),
        (entry(b"image/disk", b"4"), "is a block device"),
        (entry(b"image/tty", b"3"), "is a character device"),
        (entry(b"image/x", b"S"), "is a sparse archive member"),
        (entry(b"image/x", b"Z"), "is of the unknown type"),
        (entry(b"x", b"g", content=b"16 path=image/x\n"), "is not allowed"),
        (entry(b"image/d2", b"5", size=512) + b"x" * 512, "has content although it is not a file"),
        (entry(b"image/s", b"2", b""), "has a target of 0 bytes"),
        (entry(b"image/f", size=10_001), "a file of an image has at most 10,000"),
        (b"".join(entry(b"image/%d" % n, content=b"x" * 9000) for n in range(3)), "The image is larger than 0 MiB."),
        (b"".join(entry(b"image/%d" % n) for n in range(26)), "more than 25 files and folders"),
        (block(b"x", b"L", size=MAX_EXTENSION_BYTES + 1), "an extended header of 16,385 bytes"),
        (block(b"x", b"x", size=1 << 32), "an extended header of 4,294,967,296 bytes"),
        (entry(b"x", b"L", content=b"y") * 2, "repeats an extended header"),
        (entry(b"x", b"x", content=b"22 GNU.sparse.major=1\n"), "sparse"),
        (entry(b"x", b"x", content=b"99999999999 path=x\n"), "malformed"),
        (entry(b"x", b"x", content=b"12 size=-10\n") + entry(b"image/f"), "at most 10,000"),
        (entry(b"x", b"x", content=b"20 path=image/a\0b/c\n") + entry(b"image/f"), "is not allowed"),
        (block(b"image/f", b"0")[:148] + b"00x000\0 " + block(b"image/f", b"0")[156:], "not octal"),
        (block(b"image/f", b"0")[:148] + b"000000\0 " + block(b"image/f", b"0")[156:], "checksum is wrong"),
        (END + b"\0" * 512 + b"more", "continues after its end"),
        (END + b"\0" * (2 << 20), "continues after its end"),
    ],
)  # fmt: skip
def test_each_rule_has_its_message(archive: bytes, words: str) -> None:
    with folders() as (outside, inside):
        before = state(outside)
        assert words in run(ROOT + archive + END, inside)
        assert state(outside) == before
        check(inside)


def test_unpack_is_a_standalone_program(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    alone = tmp_path / "knative/local/unpacking"
    shutil.copytree(Path(unpack.__file__).parent, alone)
    words = [sys.executable, "-I", "-S", str(alone / "unpack.py"), str(tmp_path / "image"), "image", "0", *map(str, LIMITS)]
    done = subprocess.run(words, input=ROOT + entry(b"image/f", content=b"x") + END, capture_output=True, env={}, cwd="/")
    assert (done.returncode, done.stderr, (tmp_path / "image/f").read_bytes()) == (0, b"", b"x")
    done = subprocess.run(words, input=ROOT + entry(b"image/pipe", b"6") + END, capture_output=True, env={}, cwd="/")
    assert (done.returncode, done.stderr.decode()) == (3, "image/pipe is a named pipe; an image holds files, folders and links only.\n")


def test_memory_usage_is_bounded(tmp_path: Path) -> None:
    """20,000 entries and a file of 256 MiB in 96 MiB of address space, interpreter included."""
    (tmp_path / "image").mkdir()
    limit = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (96 << 20,) * 2); sys.argv = sys.argv[1:]; "
        f"runpy.run_path({unpack.__file__!r}, run_name='__main__')"
    )
    words = [sys.executable, "-I", "-S", "-c", limit, "unpack", str(tmp_path / "image"), "image", "0", *map(str, Limits(1 << 30, 1 << 30, 20_000))]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stderr is not None
    with process.stdin as stream:
        stream.write(ROOT)
        for number in range(20_000 - 1):
            stream.write(entry(b"image/%d" % number, b"2", b"x"))
        stream.write(entry(b"image/big", size=256 << 20))
        for _ in range(256):
            stream.write(b"\0" * (1 << 20))
        stream.write(END)
    assert (process.wait(), process.stderr.read()) == (0, b"")
    process.stderr.close()
    assert (tmp_path / "image/big").stat().st_size == 256 << 20
