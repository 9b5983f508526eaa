"""Name, address and VAT number of a customer, as invoices state them (Directive 2006/112/EC, Article 226, points 4 and 5)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.billing.domain.countries import COUNTRIES, hint_of
from functions.billing.domain.rejections import InvalidBillingDetails
from functions.billing.domain.vat_numbers import EU, is_vat_number, prefixes_of
from functions.kernel import FieldError, is_line

MAX_NAME_LENGTH = 200
MAX_LINE_LENGTH = 100
MAX_LINES = 5


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
        if not 0 < len(self.name) <= MAX_NAME_LENGTH or not is_line(self.name):
            faults.append(FieldError("/name", f"a name of 1 to {MAX_NAME_LENGTH} visible characters is needed, of the person or company that pays"))
        if not 0 < len(self.address) <= MAX_LINES or any(len(line) > MAX_LINE_LENGTH or not is_line(line) for line in self.address):
            faults.append(
                FieldError(
                    "/address", f"1 to {MAX_LINES} lines of at most {MAX_LINE_LENGTH} visible characters are needed: street, postal code, city"
                )
            )
        if self.country not in COUNTRIES:
            faults.append(FieldError("/country", f'"{self.country[:20]}" is no country code: {hint_of(self.country)}'))
        elif self.vat_id is not None and (fault := self._vat_fault(self.vat_id)):
            faults.append(FieldError("/vatId", fault))
        return faults

    def _vat_fault(self, vat_id: str) -> str | None:
        """A number of another country than the address would decide who owes the VAT (`Seller.parties`)."""
        prefixes = prefixes_of(self.country)
        if vat_id[:2] not in prefixes:
            return f'"{vat_id[:20]}" is no VAT number of {self.country}: it begins with {" or ".join(prefixes)}'
        if not is_vat_number(vat_id):
            return f'"{vat_id[:20]}" has not the form of a VAT number of {self.country}: check its length and digits'
        return None

    @property
    def is_business_of_the_union(self) -> bool:
        """Whether it has a VAT number of the Union, of the country of its address. Details of older releases may have another one."""
        vat_id = self.vat_id or ""
        return vat_id[:2] in EU and vat_id[:2] in prefixes_of(self.country) and is_vat_number(vat_id)

    @property
    def lines(self) -> tuple[str, ...]:
        """As on an envelope."""
        return (self.name, *self.address, self.country)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "address": list(self.address), "country": self.country, "vatId": self.vat_id}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> "BillingDetails":
        return cls(stored["name"], tuple(stored["address"]), stored["country"], stored["vatId"])
