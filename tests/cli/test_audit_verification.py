"""`capsule audit verify`: an exported log verifies, and any single change of it is found. The chain is made by auth, not by the CLI."""

import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.audit_chain import Head, Verification, verify
from functions.auth.domain.audit import AuditEntry, chain, erasure
from functions.auth.domain.audit import Head as ChainHead
from tests.auth.audit_samples import ADA, BOB, NOW, exported, record
from tests.cli.terminal import Terminal


def log() -> list[AuditEntry]:
    """Five entries; the account of the second one's user was deleted."""
    records = [
        record(1),
        record(2, BOB),
        record(3, before={"email": "a@example.org"}, is_personal=True),
        erasure(BOB, "request-4", NOW),
        record(5, None),
    ]
    entries = chain(ChainHead(), records, erased=frozenset())
    return [replace(entry, personal=None) if entry.user_id == BOB else entry for entry in entries]


ENTRIES = log()
LINES = exported(ENTRIES)
TEXT = "".join(LINES)


def check(lines: list[str], noted: Head | None = None) -> Verification:
    return verify(lines, noted)


def messages(lines: list[str], noted: Head | None = None) -> str:
    return "\n".join(f"{fault.line}: {fault.text}" for fault in check(lines, noted).faults)


def test_an_export_verifies() -> None:
    result = check(LINES)
    assert (result.faults, result.entries, result.erased) == ([], 5, 1)
    assert (result.head.sequence, result.head.hash) == (5, ENTRIES[-1].hash)


def test_a_part_of_the_log_and_an_empty_log_verify() -> None:
    assert not check(exported(ENTRIES[2:], after=2, previous_hash=ENTRIES[1].hash)).faults
    assert not check(exported([])).faults


@settings(max_examples=150)
@given(position=st.integers(0, len(TEXT) - 1), character=st.characters(codec="utf-8"), kind=st.sampled_from(["replace", "insert", "delete"]))
def test_any_change_of_a_character_is_found(position: int, character: str, kind: str) -> None:
    tail = TEXT[position + 1 :] if kind != "insert" else TEXT[position:]
    changed = TEXT[:position] + ("" if kind == "delete" else character) + tail
    if changed != TEXT:
        assert check(changed.splitlines(keepends=True) if "\n" not in character else [f"{line}\n" for line in changed.split("\n")][:-1]).faults


@pytest.mark.parametrize("index", range(len(LINES)))
def test_any_missing_or_repeated_line_is_found(index: int) -> None:
    assert check(LINES[:index] + LINES[index + 1 :]).faults
    assert check(LINES[: index + 1] + LINES[index:]).faults


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_any_other_order_of_lines_is_found(seed: int) -> None:
    shuffled = LINES.copy()
    random.Random(seed).shuffle(shuffled)
    assert shuffled == LINES or check(shuffled).faults


def test_it_says_where_the_chain_breaks() -> None:
    assert messages([*LINES[:2], *LINES[3:]]) == "3: entry 2 is missing before entry 3"
    assert "4: entry 2 stands behind entry 3: entries were reordered or repeated" in messages([*LINES[:2], LINES[3], LINES[2], *LINES[4:]])
    assert "2: entry 1 was changed" in messages([LINES[0], LINES[1].replace('"memoryMib":512', '"memoryMib":513'), *LINES[2:]])
    assert "2: the personal data of entry 1 was changed" in messages([LINES[0], LINES[1].replace("203.0.113.7", "203.0.113.8"), *LINES[2:]])
    assert "the file is cut: its last line is not the head" in messages(LINES[:-2])
    assert "entries are missing" in messages([*LINES[:-2], LINES[-1]])


def test_personal_data_may_only_be_missing_with_an_entry_that_it_was_erased() -> None:
    without = exported([replace(ENTRIES[0], personal=None), *ENTRIES[1:]])
    assert messages(without) == "2: the personal data of entry 1 is missing, and no entry records that it was erased"


def test_personal_data_may_not_be_missing_in_entries_after_the_erasure() -> None:
    records = [record(1, BOB), erasure(BOB, "request-2", NOW), record(3, BOB), erasure(BOB, "request-4", NOW)]
    entries = [replace(entry, personal=None) if entry.user_id == BOB else entry for entry in chain(ChainHead(), records, erased=frozenset())]
    assert messages(exported(entries)) == "4: the personal data of entry 3 is missing, and entry 2 erased only what was before it"


@pytest.mark.parametrize("user_id", [["x"], {"x": 1}, 7, True])
def test_a_user_id_that_is_no_text_is_a_fault(user_id: object) -> None:
    content = json.loads(ENTRIES[0].content) | {"userId": user_id}
    text = rfc8785.dumps(content).decode()
    forged = replace(ENTRIES[0], content=text, hash=hashlib.sha256(text.encode()).hexdigest(), personal=None)
    found = messages(exported([forged]))
    assert "2: entry 1 has a userId that is no text" in found and "no entry records that it was erased" in found


def test_a_noted_head_finds_a_log_that_was_cut_or_rewritten_as_a_whole() -> None:
    noted = Head(4, ENTRIES[3].hash)
    assert not check(LINES, noted).faults
    assert "the noted head 4 is not in the file, which is cut before it" in messages(exported(ENTRIES[:3]), noted)
    assert "begins after" in messages(exported(ENTRIES[4:], after=4, previous_hash=ENTRIES[3].hash), Head(2, ENTRIES[1].hash))
    rewritten = exported(chain(ChainHead(), [record(number, ADA) for number in range(1, 6)], erased=frozenset()))
    assert not check(rewritten).faults
    assert "entry 4 has another hash than the one that was noted" in messages(rewritten, noted)


def test_the_command(terminal: Terminal, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(TEXT, encoding="utf-8")
    bad.write_text("".join(LINES[:3] + LINES[4:]), encoding="utf-8")
    assert "5 entries verify" in terminal.invoke("audit", "verify", str(good), "--head", f"5:{ENTRIES[-1].hash}", code=0).out
    assert "entry 3 is missing before entry 4" in terminal.invoke("audit", "verify", str(bad), code=1).err
