"""E-mail addresses and passwords: invalid ones cannot be constructed."""

import timeit
from functools import partial

import pytest

from functions.auth.domain.email import Email
from functions.auth.domain.password import Password, normalize
from functions.auth.domain.rejections import (
    InvalidEmail,
    WeakPassword,
)

OWNER = Email("grace.hopper@example.org")
HOSTILE = "".join(chr(33 + (i * 7919) % 94) for i in range(128))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("  ada@example.org ", "ada@example.org"),
        ("ada+capsule@example.org", "ada+capsule@example.org"),
        ("ada@build.internal", "ada@build.internal"),
        ("jürgen@münchen.example", "jürgen@münchen.example"),
    ],
)
def test_an_address_is_normalized(text: str, address: str) -> None:
    assert Email(text).address == address


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@exa mple.org", "ada@example..org", "a" * 65 + "@x.org"])
def test_an_invalid_address_is_rejected_with_its_pointer(text: str) -> None:
    with pytest.raises(InvalidEmail) as rejected:
        Email(text)
    assert [error.pointer for error in rejected.value.errors] == ["/email"]
    assert rejected.value.detail


@pytest.mark.parametrize("text", ["kapsel-9-muster", "correct horse battery staple", "пароль не для всех", "x9$" + "long enough by any count " * 4])
def test_a_password_that_is_hard_to_guess_is_accepted(text: str) -> None:
    assert Password(text, owner=OWNER).text == normalize(text)


@pytest.mark.parametrize(
    "text",
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
def test_a_weak_password_is_rejected_with_its_pointer(text: str) -> None:
    with pytest.raises(WeakPassword) as rejected:
        Password(text, owner=OWNER)
    assert [error.pointer for error in rejected.value.errors] == ["/password"]


def test_passwords_longer_than_64_characters_are_accepted() -> None:
    assert len(Password("Ein langer Satz, den nur ich kenne, und er hat über vierundsechzig Zeichen.", owner=OWNER).text) > 64


def test_unicode_forms_of_one_password_are_equal() -> None:
    composed, decomposed = "caf\u00e9 am rande", "cafe\u0301 am rande"
    assert composed != decomposed
    assert Password(composed, owner=OWNER).text == Password(decomposed, owner=OWNER).text


def test_checking_a_long_password_costs_no_more_than_its_length() -> None:
    """Compared in one run, each at its fastest: the search for words must not be quadratic in the length, or worse."""
    short, long = (min(timeit.repeat(partial(Password, text, owner=OWNER), number=1, repeat=20)) for text in (HOSTILE[:16], HOSTILE))
    assert long < 100 * short


def test_the_repr_of_a_password_hides_it() -> None:
    assert "kapsel-9-muster" not in repr(Password("kapsel-9-muster", owner=OWNER))
