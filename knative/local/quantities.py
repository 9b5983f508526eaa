"""Kubernetes' resource quantities: `500m`, `128Mi`, `1e3` (apimachinery, resource.Quantity)."""

import re
from decimal import Decimal

_SUFFIXES = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"), "M": Decimal("1e6"), "G": Decimal("1e9"),
    "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
    "Ki": Decimal(1 << 10), "Mi": Decimal(1 << 20), "Gi": Decimal(1 << 30), "Ti": Decimal(1 << 40), "Pi": Decimal(1 << 50), "Ei": Decimal(1 << 60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?")


def parse_quantity(text: str | int | float) -> Decimal:
    """Return the amount in its base unit (bytes, cores, objects). Raises ValueError."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 128Mi or 2")
    return Decimal(match[1]) * _SUFFIXES[match[2] or ""]


def format_quantity(amount: Decimal) -> str:
    """Return a whole number as it is, anything else in thousandths (`500m`)."""
    return str(int(amount)) if amount == amount.to_integral_value() else f"{int(amount * 1000)}m"
