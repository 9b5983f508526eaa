"""Which DNS records a domain needs, and what is missing (pure)."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "_capsule"
CHALLENGE = "_acme-challenge"
"""The label of DNS-01 challenges (RFC 8555 section 8.4)."""


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

    @property
    def challenge_name(self) -> str:
        return f"{CHALLENGE}.{self.host}"

    @property
    def challenge_target(self) -> str:
        """Where this installation answers challenges of the domain. It is not below `target`, which would exist then and have no address any more: a
        wildcard covers no name that exists (RFC 4592 section 2.2.2)."""
        label, _, domain = self.target.partition(".")
        return f"{label}.{CHALLENGE}.{domain}"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a resolver says. `expected`: the addresses of this installation, if they are known. `challenge_cname`: of the name of challenges."""

    cname: str | None = None
    texts: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()
    challenge_cname: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    proof: Proof | None
    is_pointed_here: bool
    answers: Answers
    is_delegated: bool = False
    """Challenges of the domain lead here."""


def find(records: DnsRecords, answers: Answers) -> Finding:
    has_cname = answers.cname == records.target
    proof = Proof.CNAME if has_cname else Proof.TXT if records.txt_value in answers.texts else None
    leads_here = bool(answers.addresses & answers.expected) if answers.expected else bool(answers.addresses)
    return Finding(proof, has_cname or leads_here, answers, answers.challenge_cname == records.challenge_target)


def assess(records: DnsRecords, finding: Finding, *, is_verified: bool) -> str | None:
    """What is missing, as sentences with the record to create; None: nothing."""
    answers = finding.answers
    if not is_verified and finding.proof is None:
        found = f"Its CNAME is {answers.cname}." if answers.cname else _addresses(answers.addresses)
        return (
            f"Its ownership is not proven. {found} Create: {records.host} CNAME {records.target}. A name that cannot have a CNAME, such as a zone's "
            f"apex, needs two records: {records.txt_name} TXT {records.txt_value}, and {_address_record(records, answers)}."
        )
    if not finding.is_pointed_here:
        found = _addresses(answers.addresses)
        return f"It does not lead here. {found} Create: {records.host} CNAME {records.target}, or {_address_record(records, answers)}."
    return None


def _address_record(records: DnsRecords, answers: Answers) -> str:
    return f"{records.host} A {', '.join(sorted(answers.expected)) or 'the address of this installation'}"


def _addresses(found: Collection[str]) -> str:
    return f"Its addresses are {', '.join(sorted(found)[:4])}." if found else "It has no address."
