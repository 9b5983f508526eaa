"""What is accepted as a password: long enough, and not among those that are tried first (NIST SP 800-63B, 5.1.1.2).

No rules about kinds of characters. Guesses are estimated with zxcvbn, which knows the 30,000 most common passwords, names, words, keyboard walks,
dates, repeats and the usual substitutions; the person's own address counts as known to the guesser.
"""

import re
import unicodedata
from dataclasses import dataclass

from functions.auth.domain.email import Email
from functions.auth.domain.rejections import WeakPassword
from functions.kernel import FieldError

SHORTEST, LONGEST = 8, 128
GUESSES_TO_RESIST = 10**6  # what an online attacker may try within years at the pace that the lock-out leaves
ESTIMATED = 32  # estimating takes quadratic time; of anything longer the beginning must resist, or the variety be enough
DISTINCT_WHEN_LONG = 8


def normalised(typed: str) -> str:
    """The same password typed on another keyboard is the same password (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", typed)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Password:
    """An acceptable new password. Its text never shows in a repr."""

    text: str

    def __init__(self, typed: str, *, owner: Email) -> None:
        """Raises WeakPassword."""
        text = normalised(typed)
        if len(text) < SHORTEST:
            raise _weak(f"A password has at least {SHORTEST} characters.")
        if len(text) > LONGEST:
            raise _weak(f"A password has at most {LONGEST} characters.")
        if easy_to_guess(text, owner):
            raise _weak("This password is among those that are guessed first; take a longer or less common one.")
        object.__setattr__(self, "text", text)


def easy_to_guess(text: str, owner: Email) -> bool:
    # Imported here: its word lists take 12 MB, which only a process that judges new passwords should hold.
    from zxcvbn import zxcvbn

    if len(text) > ESTIMATED and len(set(text)) >= DISTINCT_WHEN_LONG:
        return False
    words = re.findall(r"[^\W_]{3,}", owner.address)
    known = ["capsule", owner.address, owner.local_part, owner.domain, "".join(re.findall(r"[^\W_]+", owner.local_part)), *words]
    return int(zxcvbn(text[:ESTIMATED], user_inputs=known)["guesses"]) < GUESSES_TO_RESIST


def _weak(detail: str) -> WeakPassword:
    return WeakPassword(detail, errors=[FieldError("/password", detail)])
