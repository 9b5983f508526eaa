"""VAT numbers: their prefixes and their form. Not looked up.

Those of the Union: European Commission, VIES, FAQ, "structure of VAT numbers".
"""

import re

_FORMS = {
    "AT": "U[0-9]{8}",
    "BE": "[01][0-9]{9}",
    "BG": "[0-9]{9,10}",
    "CY": "[0-9]{8}[A-Z]",
    "CZ": "[0-9]{8,10}",
    "DE": "[0-9]{9}",
    "DK": "[0-9]{8}",
    "EE": "[0-9]{9}",
    "EL": "[0-9]{9}",
    "ES": "[0-9A-Z][0-9]{7}[0-9A-Z]",
    "FI": "[0-9]{8}",
    "FR": "[0-9A-HJ-NP-Z]{2}[0-9]{9}",
    "HR": "[0-9]{11}",
    "HU": "[0-9]{8}",
    "IE": "[0-9][0-9A-Z+*][0-9]{5}[A-Z]{1,2}",
    "IT": "[0-9]{11}",
    "LT": "([0-9]{9}|[0-9]{12})",
    "LU": "[0-9]{8}",
    "LV": "[0-9]{11}",
    "MT": "[0-9]{8}",
    "NL": "[0-9A-Z+*]{9}B[0-9A-Z+*]{2}",
    "PL": "[0-9]{10}",
    "PT": "[0-9]{9}",
    "RO": "[0-9]{2,10}",
    "SE": "[0-9]{12}",
    "SI": "[0-9]{8}",
    "SK": "[0-9]{10}",
    "XI": "([0-9]{9}|[0-9]{12}|(GD|HA)[0-9]{3})",
}
EU = frozenset(_FORMS)
"""Prefixes of VAT numbers in the Union. Greece has EL; XI is Northern Ireland, for goods only."""
_ANY_FORM = "[0-9A-Z]{2,13}"
_PREFIXES = {"GR": ("EL",), "GB": ("GB", "XI"), "IM": ("GB",), "MC": ("FR",)}
"""Where the prefix is not the code of the country: the Isle of Man and Monaco are in the VAT area of their neighbours."""


def prefixes_of(country: str) -> tuple[str, ...]:
    """With which VAT numbers of a country begin."""
    return _PREFIXES.get(country, (country,))


def is_vat_number(text: str) -> bool:
    """Whether a text without spaces, in capitals, has the form of a VAT number of the country that its prefix names."""
    return re.fullmatch(_FORMS.get(text[:2], _ANY_FORM), text[2:], re.ASCII) is not None
