"""The signature of the platform's own requests to applications."""

import pytest

from functions.wire.health_checks import MAX_LIFETIME_SECONDS, is_health_check, sign_health_check

KEY = "k" * 48
NOW = 1_800_000_000.5
VALUE = sign_health_check(KEY, "shop.localhost", "/health?deep=1", NOW)


def test_a_signed_request_is_recognized_until_it_expires() -> None:
    for later in (0, MAX_LIFETIME_SECONDS - 1):
        assert is_health_check(KEY, "shop.localhost", "/health?deep=1", VALUE, NOW + later)
    assert not is_health_check(KEY, "shop.localhost", "/health?deep=1", VALUE, NOW + MAX_LIFETIME_SECONDS)


def test_the_form_of_a_host_name_does_not_matter() -> None:
    assert is_health_check(KEY, "shop.localhost", "/", sign_health_check(KEY, "Shop.localhost.", "/", NOW), NOW)


@pytest.mark.parametrize(
    ("key", "host", "target"),
    [("x" * 48, "shop.localhost", "/health?deep=1"), (KEY, "other.localhost", "/health?deep=1"), (KEY, "shop.localhost", "/health")],
)
def test_another_key_host_or_target_is_refused(key: str, host: str, target: str) -> None:
    assert not is_health_check(key, host, target, VALUE, NOW)


def test_a_header_made_in_advance_is_refused() -> None:
    value = sign_health_check(KEY, "shop.localhost", "/", NOW + 3600)
    assert not is_health_check(KEY, "shop.localhost", "/", value, NOW)


@pytest.mark.parametrize(
    "value", ["", ".", "1", f"{VALUE} ", f"0{'9' * 13}.{'0' * 64}", VALUE.upper(), VALUE[:-1], f"-1.{'0' * 64}", f"١.{'0' * 64}", "é"]
)
def test_any_other_text_is_refused(value: str) -> None:
    assert not is_health_check(KEY, "shop.localhost", "/health?deep=1", value, NOW)


def test_a_short_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="has 5 characters; it must have at least 32"):
        sign_health_check("short", "shop.localhost", "/", NOW)
