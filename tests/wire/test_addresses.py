"""The address policy of repositories and webhooks."""

import pytest

from functions.wire.addresses import is_listed, is_public, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:1.1.1.1", True),
    ],
)
def test_only_global_unicast_addresses_are_public(text: str, expected: bool) -> None:
    address = parse_address(text)
    assert address is not None and is_public(address) is expected


@pytest.mark.parametrize("text", ["example.org", "", "1.1.1", "0x7f000001", "1.1.1.1:80"])
def test_other_texts_are_not_addresses(text: str) -> None:
    assert parse_address(text) is None


def test_a_host_is_listed_by_name_or_by_name_and_port() -> None:
    allowed_hosts = {"git.internal", "10.0.0.1:8080"}
    assert is_listed("git.internal", 443, allowed_hosts)
    assert is_listed("10.0.0.1", 8080, allowed_hosts)
    assert not is_listed("10.0.0.1", 443, allowed_hosts)
