"""Get the public keys that verify access tokens (RFC 7517)."""

from typing import Literal

from functions.auth.ports import PublicKeys
from functions.kernel import ANYONE, Model, query


class ShowKeys(Model):
    pass


class KeyView(Model):
    """A key (RFC 7517, section 4). `kid` is its thumbprint (RFC 7638)."""

    kid: str
    use: str
    alg: str


class RsaKeyView(KeyView):
    """An RSA key (RFC 7518, 6.3.1)."""

    kty: Literal["RSA"]
    n: str
    e: str


class EllipticCurveKeyView(KeyView):
    """An elliptic curve key (RFC 7518, 6.2.1), of a former version of Capsule."""

    kty: Literal["EC"]
    crv: str
    x: str
    y: str


class KeySetView(Model):
    keys: list[RsaKeyView | EllipticCurveKeyView]


@query(http="GET /.well-known/jwks.json", allow=ANYONE)
async def jwks(request: ShowKeys, keys: PublicKeys) -> KeySetView:
    return KeySetView.model_validate({"keys": keys.jwks()})
