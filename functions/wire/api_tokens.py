"""The form of an API token: `capsule_pat_`, 40 random characters and a checksum of 6, all of them letters and digits.

The prefix lets secret scanners find a token, and the checksum tells it from other text without asking Capsule, as in GitHub's
tokens (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/). The expression for
scanners is `capsule_pat_[0-9A-Za-z]{46}`. The checksum is the CRC-32 (ISO 3309) of everything before it, in base 62.
"""

import re
import secrets
import string
from zlib import crc32

PREFIX = "capsule_pat_"
RANDOM_LENGTH, CHECKSUM_LENGTH = 40, 6
"""40 characters of 62 are 238 random bits."""
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PATTERN = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")


def new_token() -> str:
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def is_api_token(text: str) -> bool:
    """Whether the text claims to be an API token, well-formed or not."""
    return text.startswith(PREFIX)


def is_well_formed(text: str) -> bool:
    """Whether the text has the form and the checksum of an API token."""
    return PATTERN.fullmatch(text) is not None and checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]


def checksum(body: str) -> str:
    value, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
