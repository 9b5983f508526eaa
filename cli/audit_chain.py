"""The exported audit log: writes it, and verifies it without a server. `docs/audit.md` describes the format.

Every line is canonical JSON (RFC 8785), so a change of any character is found. A line is at fault on its own (its hash, the digest of
its personal data) or does not follow the line before it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import rfc8785

FORMAT = "capsule-audit/1"
FIRST_HASH = "0" * 64
ERASURE, REMOVAL = "auth.on_user_deleted", "auth.housekeeping"
HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
MAX_FAULTS = 20
"""Verification stops after so many: the rest follows from the first ones."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry: its sequence and hash. Written `17:3fa9…`."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def of_line(cls, line: str) -> "Head | None":
        """The head that is the last line of a file; None for another line."""
        head = json.loads(line).get("head")
        return None if head is None else cls(head["sequence"], head["hash"])

    @classmethod
    def parse(cls, text: str) -> "Head | None":
        match = HEAD.fullmatch(text.strip())
        return None if match is None else cls(int(match[1]), match[2])


@dataclass(frozen=True, slots=True)
class Fault:
    """`line`: counted from 1."""

    line: int
    text: str


@dataclass(slots=True)
class Verification:
    """What a file contains. `after`: the entry behind which it begins. `erased`: entries of which the personal data was erased with an account."""

    faults: list[Fault] = field(default_factory=list)
    entries: int = 0
    erased: int = 0
    after: int = 0
    removed_on: str | None = None
    """When the entries before the file were removed after their retention, as one of its entries records."""
    begin: Head = field(default_factory=lambda: Head(0, FIRST_HASH))
    """The entry behind which it begins, and its hash, as its header says."""
    head: Head = field(default_factory=lambda: Head(0, FIRST_HASH))


def export_lines(after: int, previous_hash: str, items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a file, without line ends: a header, the entries, and the head."""
    yield _canonical({"format": FORMAT, "after": after, "previousHash": previous_hash})
    head = Head(after, previous_hash)
    for item in items:
        head = Head(item["entry"]["sequence"], item["hash"])
        yield _canonical(item)
    yield _canonical({"head": {"sequence": head.sequence, "hash": head.hash}})


def verify(lines: Iterable[str], noted: Head | None = None) -> Verification:
    """Verify the lines of a file, with their line ends. `noted`: a head that was noted earlier; the file must contain it."""
    verifier = _Verifier(noted)
    number = 0
    for number, line in enumerate(lines, 1):
        verifier.line(number, line)
        if len(verifier.result.faults) >= MAX_FAULTS:
            return verifier.result
    verifier.end(number)
    return verifier.result


class _Verifier:
    def __init__(self, noted: Head | None) -> None:
        self.result = Verification()
        self._noted = noted
        self._is_noted_found = noted is None
        self._is_ended = False
        self._erasures: dict[str, int] = {}
        """The sequence of the first erasure of each user."""
        self._without_personal_data: list[tuple[int, Json]] = []

    def line(self, number: int, line: str) -> None:
        document = self._document(number, line)
        if document is None:
            return
        if self._is_ended:
            self._fault(number, "stands behind the line with the head")
        elif number == 1:
            self._header(document)
        elif document.keys() == {"head"}:
            self._end(number, document["head"])
        elif document.keys() != {"entry", "hash", "personal"} or not isinstance(document["entry"], dict):
            self._fault(number, "is not an entry")
        else:
            self._entry(number, document)

    def end(self, last_line: int) -> None:
        """Check what only the whole file shows."""
        if not self._is_ended:
            self._fault(last_line, "the file is cut: its last line is not the head")
        for number, entry in self._without_personal_data:
            sequence, user_id = entry["sequence"], entry.get("userId")
            erased_at = self._erasures.get(user_id) if isinstance(user_id, str) else None
            if erased_at is None:
                self._fault(number, f"the personal data of entry {sequence} is missing, and no entry records that it was erased")
            elif sequence > erased_at:
                self._fault(number, f"the personal data of entry {sequence} is missing, and entry {erased_at} erased only what was before it")
            else:
                self.result.erased += 1
        if not self._is_noted_found and self._noted is not None:
            place = "cut before" if self._noted.sequence > self.result.head.sequence else "begins after"
            self._fault(last_line, f"the noted head {self._noted.sequence} is not in the file, which is {place} it")

    def _fault(self, number: int, text: str) -> None:
        self.result.faults.append(Fault(number, text))

    def _document(self, number: int, line: str) -> Json | None:
        try:
            document = json.loads(line)
            is_canonical = isinstance(document, dict) and _canonical(document) + "\n" == line
        except (ValueError, RecursionError, rfc8785.CanonicalizationError):
            self._fault(number, "is not JSON")
            return None
        if not is_canonical:
            self._fault(number, "was changed: it is not a canonical JSON object with a line end")
        return document if isinstance(document, dict) else None

    def _header(self, document: Json) -> None:
        is_header = document.keys() == {"format", "after", "previousHash"} and document["format"] == FORMAT
        after, previous_hash = document.get("after"), document.get("previousHash")
        if not is_header or not isinstance(after, int) or not isinstance(previous_hash, str):
            self._fault(1, f"is not the header of {FORMAT}: the file is cut or has another format")
            return
        if after == 0 and previous_hash != FIRST_HASH:
            self._fault(1, "the header has a wrong hash before the first entry")
        self.result.after, self.result.begin = after, Head(after, previous_hash)
        self.result.head = self.result.begin
        self._compare_with_noted(1)

    def _entry(self, number: int, document: Json) -> None:
        entry, former = document["entry"], self.result.head
        digest = hashlib.sha256(_canonical(entry).encode()).hexdigest()
        sequence = entry.get("sequence")
        if not isinstance(sequence, int):
            self._fault(number, "is not an entry: it has no sequence")
            return
        if digest != document["hash"]:
            self._fault(number, f"entry {sequence} was changed: its hash is {digest}, not {document['hash']}")
        if sequence != former.sequence + 1:
            self._fault(number, _order_fault(sequence, former.sequence))
        elif entry.get("previousHash") != former.hash:
            self._fault(number, f"entry {sequence} does not follow: its previous hash is not that of entry {former.sequence}")
        if not isinstance(entry.get("userId"), str | None):
            self._fault(number, f"entry {sequence} has a userId that is no text")
        self._personal_data(number, entry, document["personal"])
        if entry.get("function") == ERASURE and str(entry.get("target")).startswith("users/"):
            self._erasures.setdefault(str(entry["target"]).removeprefix("users/"), sequence)
        if entry.get("function") == REMOVAL and entry.get("target") == "audit":
            self._removal(number, entry)
        self.result.entries += 1
        self.result.head = Head(sequence, str(document["hash"]))
        self._compare_with_noted(number)

    def _removal(self, number: int, entry: Json) -> None:
        """An entry that names the last one that was removed. If the file begins behind that one, both must name the same hash."""
        change = entry.get("after")
        recorded: Json = change if isinstance(change, dict) else {}
        if recorded.get("removedThrough") != self.result.after or not self.result.after:
            return
        if recorded.get("removedHash") != self.result.begin.hash:
            self._fault(number, f"entry {entry.get('sequence')} records another hash of the last removed entry than the header: the begin was forged")
        self.result.removed_on = str(entry.get("at"))

    def _personal_data(self, number: int, entry: Json, personal: Any) -> None:
        digest = entry.get("personalDigest")
        if personal is None:
            if digest is not None:
                self._without_personal_data.append((number, entry))
            return
        try:
            found = hashlib.sha256(bytes.fromhex(personal["salt"]) + _canonical(personal["content"]).encode()).hexdigest()
            is_complete = personal.keys() == {"salt", "content"} and bytes.fromhex(personal["salt"]).hex() == personal["salt"]
        except (TypeError, KeyError, ValueError, AttributeError):
            found, is_complete = None, False
        if found != digest or not is_complete:
            self._fault(number, f"the personal data of entry {entry['sequence']} was changed")

    def _end(self, number: int, head: Any) -> None:
        self._is_ended = True
        expected = {"sequence": self.result.head.sequence, "hash": self.result.head.hash}
        if head != expected:
            found = head.get("sequence") if isinstance(head, dict) else head
            self._fault(number, f"the head is entry {found}, but the last entry of the file is {self.result.head.sequence}: entries are missing")

    def _compare_with_noted(self, number: int) -> None:
        if self._noted is None or self._noted.sequence != self.result.head.sequence:
            return
        self._is_noted_found = True
        if self._noted.hash != self.result.head.hash:
            self._fault(number, f"entry {self._noted.sequence} has another hash than the one that was noted: the log was rewritten")


def _order_fault(sequence: int, former: int) -> str:
    if sequence > former + 1:
        missing = f"entry {former + 1} is" if sequence == former + 2 else f"entries {former + 1} to {sequence - 1} are"
        return f"{missing} missing before entry {sequence}"
    return f"entry {sequence} stands behind entry {former}: entries were reordered or repeated"


def _canonical(document: Any) -> str:
    return rfc8785.dumps(document).decode()
