"""The program and the system that a User-Agent header names, for people: `Firefox 127` on `Linux`."""

import re
from dataclasses import dataclass

UNKNOWN = ""
CLI = "capsule-cli"
PRODUCT = re.compile(r"^([A-Za-z][\w.+-]{0,39})(?:/(\d[\w.]{0,19}))?")
"""The first product of the header (RFC 9110, 10.1.5)."""


@dataclass(frozen=True, slots=True)
class UserAgent:
    """`program` and `system` are empty if the header does not name them. Clients choose the header: it proves nothing."""

    program: str
    system: str

    @classmethod
    def parse(cls, header: str) -> "UserAgent":
        # Imported here because its expressions take 10 MB, and only lists of sessions need them.
        from ua_parser import parse

        found = parse(header)
        system = " ".join(filter(None, (found.os.family, found.os.major))) if found.os else UNKNOWN
        if found.user_agent is not None:
            return cls(" ".join(filter(None, (found.user_agent.family, found.user_agent.major))), system)
        product = PRODUCT.match(header)
        if product is None:
            return cls(UNKNOWN, system)
        name = "Capsule CLI" if product[1] == CLI else product[1]
        return cls(" ".join(filter(None, (name, product[2]))), system)
