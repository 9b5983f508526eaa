"""An operator's certificates are refused at `up`, in one sentence, when clients would refuse them."""

import datetime as dt
from pathlib import Path

import pytest

from functions.wire.settings import InvalidSetting
from functions.wire.strict_transport import is_for_host, strict_host
from knative.certificates import issue, new_key, pem
from knative.machine import https, keys, tls
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem
from tests.certificates import DAY, Authority, write_pair

NAMES = ("capsule.example.com", "dashboard.example.com")


def home_with(path: Path, **environment: str) -> Home:
    return Home(path / "home", Ports(0), {"CAPSULE_HTTPS": "on", **environment})


def own(path: Path, pair: tuple[Path, Path], authority: Authority) -> Home:
    return home_with(
        path,
        CAPSULE_HTTPS_CERTIFICATE=str(pair[0]),
        CAPSULE_HTTPS_KEY=str(pair[1]),
        CAPSULE_AUTHORITIES_FILE=authority.trust(path),
        CAPSULE_PUBLIC_URL="https://capsule.example.com",
        CAPSULE_DASHBOARD_URL="https://dashboard.example.com",
    )


def refusal(home: Home) -> str:
    with pytest.raises(Problem) as refused:
        https.check(home)
    assert refused.value.remedy and "\n" not in refused.value.message
    return refused.value.message


def test_a_certificate_that_clients_accept_is_accepted(tmp_path: Path) -> None:
    authority = Authority()
    https.check(own(tmp_path, authority.write(tmp_path / "own", *NAMES), authority))
    https.check(own(tmp_path, authority.write(tmp_path / "own", "*.example.com"), authority))
    https.check(home_with(tmp_path))


def test_a_certificate_of_an_intermediate_authority_needs_its_chain(tmp_path: Path) -> None:
    authority, key = Authority(), new_key()
    intermediate, signer = authority.intermediate()
    leaf = pem(issue(intermediate, signer, key.public_key(), NAMES, authority.now - DAY, 10 * DAY))
    https.check(own(tmp_path, write_pair(tmp_path / "own", leaf + pem(intermediate), pem(key)), authority))
    assert "its chain is incomplete" in refusal(own(tmp_path, write_pair(tmp_path / "own", leaf, pem(key)), authority))


@pytest.mark.parametrize(
    ("begins", "lifetime", "names", "expected"),
    [
        (-20 * DAY, 10 * DAY, NAMES, "expired on"),
        (5 * DAY, 10 * DAY, NAMES, "is not valid before"),
        (-DAY, 10 * DAY, ("capsule.example.com",), "does not cover dashboard.example.com"),
        (-DAY, 10 * DAY, ("*.com",), "does not cover capsule.example.com"),
    ],
)
def test_a_certificate_that_clients_refuse_is_refused(
    tmp_path: Path, begins: dt.timedelta, lifetime: dt.timedelta, names: tuple[str, ...], expected: str
) -> None:
    authority = Authority()
    message = refusal(own(tmp_path, authority.write(tmp_path / "own", *names, begins=begins, lifetime=lifetime), authority))
    assert expected in message and "CAPSULE_HTTPS_CERTIFICATE" in message


def test_a_wrong_pair_is_refused(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.write(tmp_path / "own", *NAMES)
    other = authority.write(tmp_path / "other", *NAMES)[1]
    assert "is not the key of" in refusal(own(tmp_path, (certificate, other), authority))
    assert "does not exist or cannot be read" in refusal(own(tmp_path, (certificate, tmp_path / "missing.key"), authority))
    key.chmod(0o640)
    assert "can be read by others" in refusal(own(tmp_path, (certificate, key), authority))
    key.chmod(0o600)
    certificate.write_text("no certificate")
    assert "are not a certificate and its key" in refusal(own(tmp_path, (certificate, key), authority))


def test_an_authority_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    stranger, trusted = Authority(), Authority("Another one")
    assert "does not lead to an authority" in refusal(own(tmp_path, stranger.write(tmp_path / "own", *NAMES), trusted))


def test_applications_need_a_wildcard(tmp_path: Path) -> None:
    authority = Authority()
    for names, is_accepted in ((("*.apps.example.com",), True), (("apps.example.com",), False)):
        certificate, key = authority.write(tmp_path / "own", *names)
        home = home_with(
            tmp_path,
            CAPSULE_HTTPS_APPLICATION_CERTIFICATE=str(certificate),
            CAPSULE_HTTPS_APPLICATION_KEY=str(key),
            CAPSULE_AUTHORITIES_FILE=authority.trust(tmp_path),
            CAPSULE_APPLICATION_URL="https://{name}.apps.example.com",
        )
        if is_accepted:
            https.check(home)
        else:
            assert "CAPSULE_HTTPS_APPLICATION_CERTIFICATE" in refusal(home)


def test_halves_of_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="CAPSULE_HTTPS_KEY is not"):
        https.check(home_with(tmp_path, CAPSULE_HTTPS_CERTIFICATE="/server.crt"))
    assert "begins with http://" in refusal(home_with(tmp_path, CAPSULE_PUBLIC_URL="http://capsule.example.com"))


def test_all_addresses_follow_the_mark_of_https(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(0), {})
    home.create()
    tls.ensure_https(home)
    for scheme in ("http", "https"):
        if scheme == "https":
            home.https_mark.touch()
        socket = "wss" if scheme == "https" else "ws"
        addresses = [home.gateway_url, keys.stand_in_settings(home)["CAPSULE_STRIPE_WEBHOOK_URL"], *keys.application_urls(home).values()]
        assert all(each.startswith(f"{scheme}://") for each in addresses) and keys.terminal_address(home).popitem()[1].startswith(f"{socket}://")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://capsule.example.com", True),
        ("http://capsule.example.com", False),
        ("https://dashboard.localhost:7080", False),
        ("https://127.0.0.1:3000", False),
        ("https://[::1]:3000", False),
        ("https://localhost", False),
        ("", False),
    ],
)
def test_browsers_are_told_to_use_https_where_a_name_means_one_server(url: str, expected: bool) -> None:
    assert (strict_host(url) is not None) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("capsule.example.com", True),
        ("Capsule.Example.com.:443", True),
        ("127.0.0.1:3000", False),
        ("localhost:3000", False),
        ("example.com", False),
        ("a.capsule.example.com", False),
        ("[::1]:3000", False),
        ("", False),
    ],
)
def test_other_names_of_the_same_server_are_not_bound_to_https(host: str, expected: bool) -> None:
    assert is_for_host(host, strict_host("https://capsule.example.com:8443")) is expected
    assert not is_for_host(host, strict_host("http://capsule.example.com"))
