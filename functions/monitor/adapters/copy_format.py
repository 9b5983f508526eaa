"""Values in the text format of COPY (PostgreSQL documentation, "COPY", "Text Format").

One text for all rows costs less than psycopg's for each value.
"""

from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})
NULL = "\\N"


def escaped(text: str) -> str:
    """`text`: without NUL."""
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def optional(value: object) -> str:
    """Of a text, or of a value that PostgreSQL reads as text."""
    return NULL if value is None else escaped(str(value))


def text_array(texts: Iterable[str]) -> str:
    """An array of texts (PostgreSQL documentation, "Array Input and Output Syntax")."""
    return escaped("{" + ",".join(f'"{each.translate(_QUOTED)}"' for each in texts) + "}")
