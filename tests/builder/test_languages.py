"""Each language by its real package manager, without an outside index: built, stored and started; it answers HTTP."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from knative.machine import packages
from tests.builder.conftest import Outcome
from tests.builder.languages import GREETING, LANGUAGES, NEEDED
from tests.builder.repositories import Repositories
from tests.builder.running import get, running
from tests.proof import proof

Build = Callable[..., Outcome]
IN_TEST = ("python", "node")
"""The other languages need programs of their own, which are installed: `./taskw proof repositories`."""
OFFLINE = {"UV_OFFLINE": "1", "npm_config_offline": "true", "GOPROXY": "off"}


@pytest.mark.parametrize("language", [pytest.param(each, marks=() if each in IN_TEST else proof("repositories")) for each in LANGUAGES])
def test_a_repository_of_the_language_answers(repositories: Repositories, build: Build, tmp_path: Path, language: str) -> None:
    packages.install(list(NEEDED.get(language, ())), print)
    nonce = secrets.token_hex(8)
    repository = repositories.create(language)
    repository.commit(LANGUAGES[language](tmp_path / "made", nonce))
    outcome = build(repository.url, **OFFLINE, BUILD_ENVIRONMENT=" ".join(OFFLINE))
    assert outcome.code == 0, outcome.log
    assert outcome.message["kind"] == language
    with running(outcome, tmp_path / "store") as url:
        assert get(url) == f"{nonce} {GREETING}"
