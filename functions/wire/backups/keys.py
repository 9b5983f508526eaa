"""Keys of the backup store. As text, with a checksum, so that a key typed from paper is known to be right before anything is read."""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from functions.wire.backups.errors import InvalidBackupKey, WrongBackupKey

KEY_BYTES = 32
PREFIX = "capsule-backup-key-1-"
_CHECKSUM_BYTES = 3
"""With 32 bytes of key they are 35 bytes: base32 without padding, 56 characters."""
_GROUP = 8
ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class BackupKey:
    """256 random bits."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidBackupKey. Ignores case, spaces and dashes between the groups."""
        plain = "".join(text.split()).lower()
        if not plain.startswith(PREFIX):
            raise InvalidBackupKey(f"a backup key begins with {PREFIX}")
        try:
            decoded = base64.b32decode(plain.removeprefix(PREFIX).replace("-", "").upper())
        except binascii.Error as error:
            raise InvalidBackupKey("the backup key is cut or contains a character that no key has") from error
        secret, checksum = decoded[:KEY_BYTES], decoded[KEY_BYTES:]
        if len(decoded) != KEY_BYTES + _CHECKSUM_BYTES or checksum != _checksum(secret):
            raise InvalidBackupKey("the backup key is mistyped: its checksum is wrong")
        return cls(secret)

    @property
    def text(self) -> str:
        encoded = base64.b32encode(self.secret + _checksum(self.secret)).decode().lower()
        return PREFIX + "-".join(encoded[at : at + _GROUP] for at in range(0, len(encoded), _GROUP))

    @property
    def id(self) -> bytes:
        """Names the key in what it encrypts, and tells nothing about it."""
        return hmac.digest(self.secret, b"capsule backup key id", "sha256")[:ID_BYTES]


@dataclass(frozen=True, slots=True)
class BackupKeys:
    """The key that encrypts, and former ones that still decrypt."""

    current: BackupKey
    former: Sequence[BackupKey] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Keys separated by commas; the first one encrypts. Raises InvalidBackupKey."""
        current, *former = [BackupKey.parse(each) for each in text.split(",") if each.strip()] or [BackupKey.parse(text)]
        return cls(current, tuple(former))

    def of(self, key_id: bytes, name: str) -> BackupKey:
        """Raises WrongBackupKey."""
        known = (self.current, *self.former)
        for each in known:
            if hmac.compare_digest(each.id, key_id):
                return each
        known_keys = ", ".join(each.id.hex() for each in known)
        raise WrongBackupKey(f"{name} was encrypted with the backup key {key_id.hex()}. The key here is {known_keys}.")


def _checksum(secret: bytes) -> bytes:
    return hashlib.sha256(b"capsule backup key checksum" + secret).digest()[:_CHECKSUM_BYTES]
