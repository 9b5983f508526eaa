"""Sizes as people write them."""

import re

from cli.failures import UsageError

MIB = {"MB": 1, "MIB": 1, "M": 1, "GB": 1 << 10, "GIB": 1 << 10, "G": 1 << 10, "TB": 1 << 20, "TIB": 1 << 20, "T": 1 << 20}
"""As memory and disks of virtual machines are sold: 1GB is 1,024 MiB."""


def parse_mib(text: str) -> int:
    """Return the MiB of `512MB`, `1GB`, `1.5G`. Raises UsageError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)", text.strip())
    unit = MIB.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise UsageError(f'"{text}" is not a size', "Use a number with a unit, as in 512MB or 1GB.")
    return int(float(match[1]) * unit)


def format_mib(mib: float) -> str:
    for unit, factor in (("TB", 1 << 20), ("GB", 1 << 10)):
        if mib >= factor:
            return f"{mib / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{mib:.0f} MB"
