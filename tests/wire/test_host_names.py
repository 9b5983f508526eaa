"""One reading of host names."""

import pytest

from functions.wire.host_names import BadHostName, ascii_host


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG.", "example.org"), ("faß.de", "xn--fa-hia.de"), ("ex\u00adample.org", "example.org"), ("①②⑦.⓪.⓪.①", "127.0.0.1"),
        ("my_host", "my_host"), ("XN--BCHER-KVA.example", "xn--bcher-kva.example"), ("FE80::1", "fe80::1"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)  # fmt: skip
def test_a_name_has_one_form(text: str, name: str) -> None:
    assert ascii_host(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", "a" * 64, ".".join(["a" * 63] * 4), "xn--a", "xn--a.example"),
        *("\u202ea.org", "a b", "a%2e", "a\x00", "\ud800", "a/b", "\u200d."),
    ],
)
def test_other_texts_are_none(text: str) -> None:
    with pytest.raises(BadHostName):
        ascii_host(text)
