"""Canonical JSON of the audit log is that of RFC 8785, whichever library writes it."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.auth.domain.audit import MAX_SAFE_INTEGER, _canonical

TEXTS = st.text(max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@settings(max_examples=150)
def test_any_document_is_written_as_rfc_8785_says(document: dict[str, Any]) -> None:
    assert _canonical(document) == rfc8785.dumps(document).decode()


@pytest.mark.parametrize(
    "document",
    [
        {"b": '\x00\x1f\x7f\u2028"\\/\b\f\n\r\t', "a": -0, "C": [True, None, {}]},
        {"\U0001f600": 1, "\ufb33": 2, "\u20ac": 3},  # names in the order of UTF-16 code units
        {"ratio": 1.0, "large": 1e21, "small": 1e-7},
        {"limits": [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER]},
    ],
)
def test_documents_where_writers_of_json_differ(document: dict[str, Any]) -> None:
    assert _canonical(document) == rfc8785.dumps(document).decode()


@pytest.mark.parametrize("value", [MAX_SAFE_INTEGER + 1, float("nan"), "\ud800"])
def test_what_rfc_8785_cannot_write_is_refused(value: object) -> None:
    with pytest.raises((rfc8785.CanonicalizationError, ValueError, TypeError)):
        _canonical({"value": value})
