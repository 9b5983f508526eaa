"""An authenticator in software: makes passkeys and signs with them as devices do (WebAuthn Level 3, sections 6.1 and 6.5.5), with faults."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, HAS_KEY = 0x01, 0x04, 0x08, 0x10, 0x40
Json = dict[str, Any]


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """One passkey. `origin`: of the page. `counter`: None for one that does not count. `is_synced`: as in a password manager."""

    origin: str
    verifies_user: bool = True
    counter: int | None = 0
    is_synced: bool = False
    rp_id: str = ""
    """Another RP than that of the options, for attacks."""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: Json, **changes: str) -> str:
        """`navigator.credentials.create()`."""
        self.user_handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor2.dumps(public_key)
        data = self._data(options["rp"]["id"], HAS_KEY) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options, changes)
        return self._response({"clientDataJSON": encode(client_data), "attestationObject": encode(attestation)})

    def get(self, options: Json, **changes: str) -> str:
        """`navigator.credentials.get()`."""
        if self.counter is not None:
            self.counter += 1
        data = self._data(options["rpId"])
        client_data = self._client_data("webauthn.get", options, changes)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": encode(client_data), "authenticatorData": encode(data), "signature": encode(signature)}
        return self._response(response | {"userHandle": self.user_handle})

    def _data(self, rp_id: str, flags: int = 0) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies_user else 0) | ((BACKUP_ELIGIBLE | BACKED_UP) if self.is_synced else 0)
        return hashlib.sha256((self.rp_id or rp_id).encode()).digest() + struct.pack(">BI", flags, self.counter or 0)

    def _client_data(self, kind: str, options: Json, changes: Json) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False, **changes}).encode()

    def _response(self, response: Json) -> str:
        name = encode(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}})
