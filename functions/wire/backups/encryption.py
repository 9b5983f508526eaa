"""The format of an encrypted object: AES-256-GCM over frames in the STREAM construction.

    magic (17 bytes) · id of the key (8) · salt (32) · frames of 256 KiB, each followed by its tag (16)

The key of an object is HKDF-SHA256 (RFC 5869) of the backup key, the salt and the object's name: no two objects share one, and an object
under another name does not open. The nonce of a frame is its number (11 bytes, big-endian) and whether it is the last (1 byte): frames
cannot be left out, repeated, reordered, and a cut is noticed. Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015 (STREAM); the same shape as the payload of age (https://age-encryption.org/v1).
"""

import os
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from functions.wire.backups.errors import BackupDamaged
from functions.wire.backups.keys import ID_BYTES, BackupKey, BackupKeys

MAGIC = b"capsule-backup-1\n"
SALT_BYTES = 32
FRAME_BYTES = 256 * 1024
TAG_BYTES = 16
HEADER_BYTES = len(MAGIC) + ID_BYTES + SALT_BYTES


def encrypt(chunks: Iterable[bytes], keys: BackupKeys, name: str) -> Iterator[bytes]:
    """Encrypt a stream under a name, with at most two frames in memory. Chunks may have any size."""
    salt = os.urandom(SALT_BYTES)
    yield MAGIC + keys.current.id + salt
    cipher = _cipher(keys.current, salt, name)
    number, held = 0, b""
    for frame in reframe(chunks, FRAME_BYTES):
        if held:  # only now is it known not to be the last
            yield cipher.encrypt(_nonce(number, is_last=False), held, None)
            number += 1
        held = frame
    yield cipher.encrypt(_nonce(number, is_last=True), held, None)


def decrypt(chunks: Iterable[bytes], keys: BackupKeys, name: str) -> Iterator[bytes]:
    """Decrypt a stream. Each yielded chunk is authentic; only after the last one is it known that the object is complete.

    Raises BackupDamaged and WrongBackupKey.
    """
    stream = iter(chunks)
    header, rest = _take(stream, HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise BackupDamaged(f"{name} is damaged: it does not begin as an object of the backup store")
    key = keys.of(header[len(MAGIC) :][:ID_BYTES], name)
    cipher = _cipher(key, header[-SALT_BYTES:], name)
    number, held = 0, b""
    for frame in reframe(_prepended(rest, stream), FRAME_BYTES + TAG_BYTES):
        if held:
            yield _open(cipher, _nonce(number, is_last=False), held, name)
            number += 1
        held = frame
    yield _open(cipher, _nonce(number, is_last=True), held, name)


def reframe(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Cut a stream into pieces of `size` bytes; the last one may be shorter, and none is empty."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        if len(buffer) >= size:
            end = len(buffer) - len(buffer) % size
            ready = bytes(memoryview(buffer)[:end])
            del buffer[:end]
            for at in range(0, end, size):
                yield ready[at : at + size]
    if buffer:
        yield bytes(buffer)


def _cipher(key: BackupKey, salt: bytes, name: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), length=32, salt=salt, info=b"capsule backup object: " + name.encode()).derive(key.secret))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")


def _open(cipher: AESGCM, nonce: bytes, frame: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(nonce, frame, None)
    except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
        at = int.from_bytes(nonce[:11], "big") * FRAME_BYTES
        raise BackupDamaged(f"{name} is damaged: it was changed or cut at byte {at} of its content, or belongs to another backup") from error


def _take(stream: Iterator[bytes], size: int) -> tuple[bytes, bytes]:
    """The first `size` bytes, fewer at the end of the stream, and what was read beyond them."""
    read = b""
    while len(read) < size and (chunk := next(stream, None)) is not None:
        read += chunk
    return read[:size], read[size:]


def _prepended(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
