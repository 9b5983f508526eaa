"""Name, address and VAT number of a customer, as invoices state them (Directive 2006/112/EC, Article 226, points 4 and 5)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.billing.domain.rejections import InvalidBillingDetails
from functions.kernel import FieldError

MAX_NAME_LENGTH = 200
MAX_LINE_LENGTH = 100
MAX_LINES = 5
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
VAT_ID = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}", re.ASCII)
"""Prefix of the country and what its tax office chose (Commission, VIES, "structure of VAT numbers"). Not looked up."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
EU = frozenset("AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split())  # noqa: SIM905
"""Prefixes of VAT numbers in the Union. Greece has EL; XI is Northern Ireland, for goods only."""


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """`address`: street, postal code and city, in the order of an envelope. `country`: ISO 3166-1 alpha-2. `vat_id`: of a business."""

    name: str
    address: tuple[str, ...]
    country: str
    vat_id: str | None = None

    @classmethod
    def parse(cls, name: str, address: Sequence[str], country: str, vat_id: str | None) -> "BillingDetails":
        """Raises InvalidBillingDetails."""
        lines = tuple(stripped for line in address if (stripped := " ".join(line.split())))
        details = cls(" ".join(name.split()), lines, country.strip().upper(), re.sub(r"[\s.-]", "", vat_id or "").upper() or None)
        if faults := list(details._faults()):
            raise InvalidBillingDetails(errors=faults)
        return details

    def _faults(self) -> list[FieldError]:
        faults = []
        if not 0 < len(self.name) <= MAX_NAME_LENGTH or CONTROL.search(self.name):
            faults.append(FieldError("/name", f"a name of 1 to {MAX_NAME_LENGTH} characters is needed, of the person or company that pays"))
        if not 0 < len(self.address) <= MAX_LINES or any(len(line) > MAX_LINE_LENGTH or CONTROL.search(line) for line in self.address):
            faults.append(
                FieldError("/address", f"1 to {MAX_LINES} lines of at most {MAX_LINE_LENGTH} characters are needed: street, postal code, city")
            )
        if not COUNTRY.fullmatch(self.country):
            faults.append(FieldError("/country", f'"{self.country[:20]}" is no country code: use two letters such as DE or FR'))
        if self.vat_id is not None and not VAT_ID.fullmatch(self.vat_id):
            faults.append(FieldError("/vatId", f'"{self.vat_id[:20]}" is no VAT number: it begins with its country, as in DE123456789'))
        return faults

    @property
    def lines(self) -> tuple[str, ...]:
        """As on an envelope."""
        return (self.name, *self.address, self.country)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "address": list(self.address), "country": self.country, "vatId": self.vat_id}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> "BillingDetails":
        return cls(stored["name"], tuple(stored["address"]), stored["country"], stored["vatId"])
