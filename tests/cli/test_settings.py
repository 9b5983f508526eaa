"""Where to, as whom, what about: what is nearer to the command wins."""

from pathlib import Path

import pytest

from cli.failures import WrongUse
from cli.settings import DEFAULT_API, api_address, project_file, read, resolve

HERE = Path("/nowhere")


def test_without_anything_said_it_is_this_machine_and_staging() -> None:
    settings = resolve(HERE, None, {}, {}, {})
    assert (settings.api, settings.environment, settings.app, settings.token) == (DEFAULT_API, "staging", None, None)


@pytest.mark.parametrize(
    ("option", "environ", "user", "expected"),
    [
        ("https://option.example", {"CAPSULE_API": "https://environ.example"}, {"api": "https://file.example"}, "https://option.example"),
        (None, {"CAPSULE_API": "https://environ.example"}, {"api": "https://file.example"}, "https://environ.example"),
        (None, {}, {"api": "https://file.example"}, "https://file.example"),
    ],
)
def test_the_api_is_the_options_then_the_environments_then_the_files(
    option: str | None, environ: dict[str, str], user: dict[str, str], expected: str
) -> None:
    assert resolve(HERE, option, environ, user, {}).api == expected


def test_a_project_says_which_application_but_not_which_api() -> None:
    settings = resolve(HERE, None, {}, {}, {"app": "hello", "environment": "production", "api": "https://evil.example"})
    assert (settings.app, settings.environment, settings.api) == ("hello", "production", DEFAULT_API)


def test_the_environment_goes_before_the_projects_file() -> None:
    settings = resolve(HERE, None, {"CAPSULE_APP": "other", "CAPSULE_ENVIRONMENT": "qa", "CAPSULE_TOKEN": "t"}, {}, {"app": "hello"})
    assert (settings.app, settings.environment, settings.token) == ("other", "qa", "t")


def test_the_projects_file_is_found_from_below_and_not_beyond_the_repository(tmp_path: Path) -> None:
    (tmp_path / "capsule.toml").write_text('app = "outside"')
    inner = tmp_path / "repository" / "a" / "b"
    inner.mkdir(parents=True)
    assert project_file(inner) == tmp_path / "capsule.toml"
    (tmp_path / "repository" / ".git").mkdir()
    assert project_file(inner) is None
    (tmp_path / "repository" / "capsule.toml").write_text('app = "hello"')
    assert project_file(inner) == tmp_path / "repository" / "capsule.toml"
    assert read(None, {"CAPSULE_CONFIG": str(tmp_path)}, inner).app == "hello"


@pytest.mark.parametrize("content", ["app = ", "app = 7", "\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "capsule.toml").write_text(content)
    with pytest.raises(WrongUse) as refused:
        read(None, {"CAPSULE_CONFIG": str(tmp_path)}, tmp_path)
    assert "capsule.toml" in refused.value.title or "app" in refused.value.title


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("https://capsule.example.org/", "https://capsule.example.org"),
        ("capsule.example.org", "https://capsule.example.org"),
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
    ],
)
def test_an_address_without_a_scheme_is_encrypted_except_on_this_machine(said: str, meant: str) -> None:
    assert api_address(said) == meant


@pytest.mark.parametrize("said", ["ftp://example.org", "https://", "file:///etc/passwd"])
def test_other_addresses_are_refused(said: str) -> None:
    with pytest.raises(WrongUse):
        api_address(said)
