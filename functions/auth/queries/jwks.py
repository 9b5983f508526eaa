"""Get the public keys that verify access tokens (RFC 7517)."""

from functions.auth.ports import PublicKeys
from functions.kernel import ANYONE, Model, query


class ShowKeys(Model):
    pass


class KeyView(Model):
    """An elliptic curve key (RFC 7518, 6.2.1). `kid` is its thumbprint (RFC 7638)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class KeySetView(Model):
    keys: list[KeyView]


@query(http="GET /.well-known/jwks.json", allow=ANYONE)
async def jwks(request: ShowKeys, keys: PublicKeys) -> KeySetView:
    return KeySetView(keys=[KeyView(**key) for key in keys.jwks()])
