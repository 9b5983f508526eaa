"""Which passwords are accepted: long enough, and not among the first guesses (NIST SP 800-63B, 5.1.1.2).

There are no rules about character classes. zxcvbn estimates the number of guesses: it knows the 30,000 most common
passwords, names, words, keyboard patterns, dates, repetitions and usual substitutions. The owner's address counts as
known to the attacker.
"""

import re
import unicodedata
from dataclasses import dataclass

from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    WeakPassword,
)
from functions.kernel import FieldError

MIN_LENGTH, MAX_LENGTH = 8, 128
MIN_GUESSES = 10**6
"""More than an online attacker can try in years, given the lock-out."""
MAX_ESTIMATED_LENGTH = 32
"""Estimating takes quadratic time, so only this many characters are estimated, unless a longer password has many distinct ones."""
MIN_DISTINCT_CHARACTERS = 8


def normalize(text: str) -> str:
    """Unicode NFKC, so that the same password from another keyboard is equal."""
    return unicodedata.normalize("NFKC", text)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Password:
    """An acceptable new password. Its repr does not contain the text."""

    text: str

    def __init__(self, text: str, *, owner: Email) -> None:
        """Raises WeakPassword."""
        text = normalize(text)
        if len(text) < MIN_LENGTH:
            raise _weak(f"The password has {len(text)} characters. Use at least {MIN_LENGTH}.")
        if len(text) > MAX_LENGTH:
            raise _weak(f"The password has {len(text)} characters. Use at most {MAX_LENGTH}.")
        if is_easy_to_guess(text, owner):
            raise _weak("The password is easy to guess. Use a longer or less common one, such as four unrelated words.")
        object.__setattr__(self, "text", text)


def is_easy_to_guess(text: str, owner: Email) -> bool:
    # Imported here because its word lists take 12 MB.
    from zxcvbn import zxcvbn

    if len(text) > MAX_ESTIMATED_LENGTH and len(set(text)) >= MIN_DISTINCT_CHARACTERS:
        return False
    words = re.findall(r"[^\W_]{3,}", owner.address)
    known = ["capsule", owner.address, owner.local_part, owner.domain, "".join(re.findall(r"[^\W_]+", owner.local_part)), *words]
    return int(zxcvbn(text[:MAX_ESTIMATED_LENGTH], user_inputs=known)["guesses"]) < MIN_GUESSES


def _weak(detail: str) -> WeakPassword:
    return WeakPassword(detail, errors=[FieldError("/password", detail)])
