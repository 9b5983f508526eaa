"""The address policy of repositories and webhooks."""

import pytest

from functions.wire.addresses import is_listed, is_public, is_public_host, parse_address, parse_allowed_hosts


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
        ("192.0.0.192", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("255.255.255.255", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::169.254.169.254", False),
        ("64:ff9b::1.1.1.1", True),
        ("64:ff9b:1::1.1.1.1", False),
        ("2002:0a00:0001::", False),
        ("2002:0101:0101::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("::127.0.0.1", False),
        ("::1.1.1.1", False),
        ("fec0::1", False),
        ("fe80::1", False),
        ("::", False),
        ("100::1", False),
    ],
)
def test_only_global_unicast_addresses_are_public(text: str, expected: bool) -> None:
    address = parse_address(text)
    assert address is not None and is_public(address) is expected


@pytest.mark.parametrize("text", ["example.org", "", "1.1.1", "0x7f000001", "1.1.1.1:80"])
def test_other_texts_are_not_addresses(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.org", True),
        ("EXAMPLE.org.", True),
        ("1.1.1.1", True),
        ("[2606:4700:4700::1111]", True),
        *(
            (host, False)
            for host in ("localhost", "LOCALHOST.", "a.localhost", "127.0.0.1.", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001")
        ),
        *((host, False) for host in ("[::1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "gateway", "git.internal", "x.svc", "x.cluster.local.", "")),
    ],
)
def test_a_host_that_is_not_public_is_refused_without_resolving_it(host: str, expected: bool) -> None:
    assert is_public_host(host) is expected


def test_a_list_of_hosts_is_read_in_any_case() -> None:
    allowed_hosts = parse_allowed_hosts("Git.Internal., 10.0.0.1:8080\n[::1]:80")
    assert allowed_hosts == {"git.internal", "10.0.0.1:8080", "[::1]:80"}
    assert is_listed("GIT.internal.", 22, allowed_hosts)


def test_a_host_is_listed_by_name_or_by_name_and_port() -> None:
    allowed_hosts = {"git.internal", "10.0.0.1:8080"}
    assert is_listed("git.internal", 443, allowed_hosts)
    assert is_listed("10.0.0.1", 8080, allowed_hosts)
    assert not is_listed("10.0.0.1", 443, allowed_hosts)
