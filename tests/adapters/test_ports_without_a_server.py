"""Contracts of ports whose real adapter needs no server: each runs on memory and on the real adapter."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.auth import ports as auth
from functions.auth.adapters.argon2 import Argon2Hasher
from functions.auth.adapters.keys import SIGNING_KEYS, DerivedEmailTokens, JwtIssuer, SignedLoginChallenges, SigningKeys
from functions.auth.adapters.vault import vault as auth_vault
from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.session import FirstStep, Method
from functions.auth.domain.tokens import CHALLENGE_LIFETIME, OpaqueToken
from functions.auth.domain.user import User
from functions.deploy import ports as deploy
from functions.deploy.adapters import vault as deploy_vault
from functions.kernel import Permanent
from functions.monitor import ports as monitor
from functions.monitor.adapters import sealing as monitor_vault
from functions.monitor.adapters.dead_letters import SettingsOperators
from functions.runtime.config.settings import Settings
from functions.runtime.security import encryption
from functions.runtime.security.tokens import new_signing_jwks
from tests.adapters.auth_stores import HASH, NOW, new_user
from tests.memory import auth as memory_auth
from tests.memory import deploy as memory_deploy
from tests.memory import monitor_alerts
from tests.memory.auth_tokens import PlainLoginChallenges

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Settings]:
    """Settings of a function of a context, with its mounted keys."""

    def mounted(context: str) -> Settings:
        root = tmp_path_factory.mktemp(context)
        private = encryption.new_private_keys()
        files = {
            encryption.PRIVATE_KEYS: private,
            encryption.PUBLIC_KEY.format(context=context): encryption.public_key(private),
            SIGNING_KEYS: new_signing_jwks(),
        }
        for path, content in files.items():
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        return Settings({"CAPSULE_ROOT": str(root), "CAPSULE_OPERATORS": "ops@example.org, night@example.org"})

    return mounted


@pytest.fixture(params=["memory", "argon2"])
def hasher(request: pytest.FixtureRequest) -> auth.Hasher:
    return memory_auth.PlainHasher() if request.param == "memory" else Argon2Hasher(Settings({}))


async def test_a_hash_matches_its_password_only(hasher: auth.Hasher) -> None:
    password_hash = await hasher.hash(Password(PASSWORD, owner=Email("ada@example.org")))
    assert await hasher.matches(password_hash, PASSWORD)
    assert not await hasher.matches(password_hash, PASSWORD + "x")
    assert not await hasher.matches(None, PASSWORD), "no account never matches"
    assert not hasher.needs_rehash(password_hash)
    assert await hasher.matches(await hasher.rehash(PASSWORD), PASSWORD)


@pytest.fixture(params=["memory", "keys"])
def email_tokens(request: pytest.FixtureRequest, settings: Callable[[str], Settings]) -> auth.EmailTokens:
    return memory_auth.PlainEmailTokens() if request.param == "memory" else DerivedEmailTokens(SigningKeys(settings("auth")))


def test_an_intent_has_one_token_and_another_intent_another(email_tokens: auth.EmailTokens) -> None:
    first, second = uuid4(), uuid4()
    assert email_tokens.mint(first).text == email_tokens.mint(first).text != email_tokens.mint(second).text


@pytest.fixture(params=["memory", "jwt"])
def issuer(request: pytest.FixtureRequest, settings: Callable[[str], Settings]) -> auth.AccessTokenIssuer:
    if request.param == "memory":
        return memory_auth.PlainAccessTokens()
    mounted = settings("auth")
    return JwtIssuer(SigningKeys(mounted), mounted)


def test_an_access_token_belongs_to_a_user_and_a_session(issuer: auth.AccessTokenIssuer) -> None:
    user: User = new_user()
    token, other = (issuer.issue(user, AccessGrant(uuid4()), NOW) for _ in range(2))
    assert token.expires_in_seconds == other.expires_in_seconds == 900
    assert token.text != other.text and HASH not in token.text


@pytest.fixture(params=["memory", "signed"])
def challenges(request: pytest.FixtureRequest, settings: Callable[[str], Settings]) -> auth.LoginChallenges:
    return PlainLoginChallenges() if request.param == "memory" else SignedLoginChallenges(SigningKeys(settings("auth")))


@pytest.mark.parametrize("method", [Method.PASSWORD, Method.PROVIDER])
def test_a_challenge_names_its_user_and_first_step_until_it_expires(challenges: auth.LoginChallenges, method: Method) -> None:
    first_step = FirstStep(uuid4(), method)
    challenge = challenges.issue(first_step, NOW)
    assert challenges.verify(challenge, NOW + CHALLENGE_LIFETIME - timedelta(seconds=1)) == first_step
    assert challenges.verify(challenge, NOW + CHALLENGE_LIFETIME) is None
    for text in ("", "cpc_", "cpc_AAAA", "cpc_é", "nonsense"):
        assert challenges.verify(OpaqueToken(text), NOW) is None


def test_a_changed_challenge_is_refused(settings: Callable[[str], Settings]) -> None:
    challenges = SignedLoginChallenges(SigningKeys(settings("auth")))
    text = challenges.issue(FirstStep(uuid4(), Method.PROVIDER), NOW).text
    for index in range(len("cpc_"), len(text) - 1):  # the last character has unused bits
        changed = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
        assert challenges.verify(OpaqueToken(changed), NOW) is None, index


VAULTS: dict[str, Callable[[Callable[[str], Settings]], Any]] = {
    "deploy in memory": lambda settings: memory_deploy.PlainVault(),
    "deploy": lambda settings: deploy_vault.SealedVault(settings("deploy")),
    "auth": lambda settings: auth_vault(settings("auth")),
    "monitor in memory": lambda settings: monitor_alerts.MemoryVault(),
    "monitor": lambda settings: monitor_vault.SealedVault(settings("monitor")),
}


@pytest.mark.parametrize("name", VAULTS)
def test_a_sealed_secret_is_not_the_secret_and_opens_again(name: str, settings: Callable[[str], Settings]) -> None:
    vault: deploy.Vault | monitor.Vault = VAULTS[name](settings)
    for secret in ("hush", "", "ä\n" * 1000):
        sealed = vault.seal(secret)
        assert sealed != secret and vault.open(sealed) == secret


@pytest.mark.parametrize("name", ["monitor in memory", "monitor"])
def test_what_no_key_opens_is_permanent(name: str, settings: Callable[[str], Settings]) -> None:
    with pytest.raises(Permanent):
        VAULTS[name](settings).open("nonsense")


def test_operators_are_those_of_the_settings(settings: Callable[[str], Settings]) -> None:
    operators: monitor.Operators = SettingsOperators(settings("monitor"))
    assert list(operators.addresses()) == list(monitor_alerts.MemoryOperators("ops@example.org", "night@example.org").addresses())
    assert list(SettingsOperators(Settings({})).addresses()) == list(monitor_alerts.MemoryOperators().addresses()) == []
