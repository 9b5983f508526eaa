"""The public keys with which anyone may verify our access tokens (RFC 7517)."""

from functions.auth.ports import PublicKeys
from functions.kernel import ANYONE, Model, query


class ShowKeys(Model):
    pass


class Key(Model):
    """An elliptic curve key (RFC 7518, 6.2.1); `kid` is its RFC 7638 thumbprint."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class KeySet(Model):
    keys: list[Key]


@query(http="GET /.well-known/jwks.json", allow=ANYONE)
async def jwks(asked: ShowKeys, keys: PublicKeys) -> KeySet:
    return KeySet(keys=[Key(**key) for key in keys.jwks()])
