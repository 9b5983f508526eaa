"""Which DNS records a domain needs, and what is missing (pure)."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "_capsule"


class Proof(StrEnum):
    CNAME = "cname"
    TXT = "txt"


@dataclass(frozen=True, slots=True)
class DnsRecords:
    """`target`: what a CNAME names."""

    host: str
    target: str
    token: str

    @property
    def txt_name(self) -> str:
        return f"{PREFIX}.{self.host}"

    @property
    def txt_value(self) -> str:
        return f"capsule={self.token}"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a resolver says. `expected`: the addresses of this installation, if they are known."""

    cname: str | None = None
    texts: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    proof: Proof | None
    is_pointed_here: bool
    answers: Answers


def find(records: DnsRecords, answers: Answers) -> Finding:
    has_cname = answers.cname == records.target
    proof = Proof.CNAME if has_cname else Proof.TXT if records.txt_value in answers.texts else None
    leads_here = bool(answers.addresses & answers.expected) if answers.expected else bool(answers.addresses)
    return Finding(proof, has_cname or leads_here, answers)


def assess(records: DnsRecords, finding: Finding, *, is_verified: bool) -> str | None:
    """What is missing, as sentences with the record to create; None: nothing."""
    answers = finding.answers
    if not is_verified and finding.proof is None:
        found = f"It has {answers.cname} instead." if answers.cname else _addresses(answers.addresses)
        return (
            f"Its ownership is not proven. Create: {records.host} CNAME {records.target}. {found} A name that cannot have a CNAME, such as a zone's "
            f"apex, needs two records: {records.txt_name} TXT {records.txt_value}, and {_address_record(records, answers)}."
        )
    if not finding.is_pointed_here:
        return f"It does not lead here. Create: {records.host} CNAME {records.target}, or {_address_record(records, answers)}. " + _addresses(
            answers.addresses
        )
    return None


def _address_record(records: DnsRecords, answers: Answers) -> str:
    return f"{records.host} A {', '.join(sorted(answers.expected)) or 'the address of this installation'}"


def _addresses(found: Collection[str]) -> str:
    return f"Its addresses are {', '.join(sorted(found)[:4])}." if found else "It has no address."
