"""Addresses and passwords: an invalid one cannot be built."""

import time

import pytest

from functions.auth.domain.email import Email
from functions.auth.domain.password import Password, normalize
from functions.auth.domain.rejections import InvalidEmail, WeakPassword

OWNER = Email("grace.hopper@example.org")


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("  ada@example.org ", "ada@example.org"),
        ("ada+capsule@example.org", "ada+capsule@example.org"),
        ("ada@build.internal", "ada@build.internal"),
        ("jürgen@münchen.example", "jürgen@münchen.example"),
    ],
)
def test_an_address_is_normalised(typed: str, address: str) -> None:
    assert Email(typed).address == address


@pytest.mark.parametrize("typed", ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@exa mple.org", "ada@example..org", "a" * 65 + "@x.org"])
def test_what_is_no_address_is_refused_and_says_where(typed: str) -> None:
    with pytest.raises(InvalidEmail) as refused:
        Email(typed)
    assert [error.pointer for error in refused.value.errors] == ["/email"]
    assert refused.value.detail


@pytest.mark.parametrize(
    "typed", ["kapsel-9-muster", "correct horse battery staple", "пароль не для всех", "x9$" + "long enough, whoever counts " * 4]
)
def test_a_password_that_resists_guessing_is_accepted(typed: str) -> None:
    assert Password(typed, owner=OWNER).text == normalize(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "short7!",
        "x" * 129,
        "password",
        "Password1!",
        "qwertyuiop",
        "12345678",
        "iloveyou1",
        "letmein123",
        "aaaaaaaaaaaaaaaa",
        "a" * 100,
        "abababab" * 10,
        "grace.hopper",
        "grace.hopper@example.org",
        "gracehopper1",
        "capsule1",
    ],
)
def test_a_weak_password_is_refused_and_says_where(typed: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        Password(typed, owner=OWNER)
    assert [error.pointer for error in refused.value.errors] == ["/password"]


def test_64_and_more_characters_are_accepted() -> None:
    assert len(Password("Ein langer Satz, den nur ich kenne, und er hat über vierundsechzig Zeichen.", owner=OWNER).text) > 64


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    composed, decomposed = "caf\u00e9 am rande", "cafe\u0301 am rande"
    assert composed != decomposed
    assert Password(composed, owner=OWNER).text == Password(decomposed, owner=OWNER).text


def test_judging_a_long_password_takes_no_long_time() -> None:
    Password("warm the word lists up", owner=OWNER)
    hostile = "".join(chr(33 + (i * 7919) % 94) for i in range(128))
    began = time.perf_counter()
    Password(hostile, owner=OWNER)
    assert time.perf_counter() - began < 0.1


def test_a_password_does_not_show() -> None:
    assert "kapsel-9-muster" not in repr(Password("kapsel-9-muster", owner=OWNER))
