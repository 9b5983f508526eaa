"""Precedence of options, environment variables and files."""

from pathlib import Path

import pytest

from cli.failures import UsageError
from cli.settings import DEFAULT_API, api_address, project_file, read, resolve, working_folder

FOLDER = Path("/nowhere")


def test_the_defaults_are_this_machine_and_staging() -> None:
    settings = resolve(FOLDER, None, {}, {}, {})
    assert (settings.api, settings.environment, settings.app, settings.token) == (DEFAULT_API, "staging", None, None)


@pytest.mark.parametrize(
    ("option", "environ", "user", "expected"),
    [
        ("https://option.example", {"CAPSULE_API": "https://environ.example"}, {"api": "https://file.example"}, "https://option.example"),
        (None, {"CAPSULE_API": "https://environ.example"}, {"api": "https://file.example"}, "https://environ.example"),
        (None, {}, {"api": "https://file.example"}, "https://file.example"),
    ],
)
def test_the_api_comes_from_the_option_then_the_variable_then_the_file(
    option: str | None, environ: dict[str, str], user: dict[str, str], expected: str
) -> None:
    assert resolve(FOLDER, option, environ, user, {}).api == expected


def test_a_project_file_sets_the_application_but_not_the_api() -> None:
    settings = resolve(FOLDER, None, {}, {}, {"app": "hello", "environment": "production", "api": "https://evil.example"})
    assert (settings.app, settings.environment, settings.api) == ("hello", "production", DEFAULT_API)


def test_a_project_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "capsule.toml").write_bytes(b'\xef\xbb\xbfapp = "hello"\r\n')
    assert read(None, {"CAPSULE_CONFIG": str(tmp_path / "none")}, tmp_path).app == "hello"


def test_authorities_come_from_the_variable_then_the_user_s_file_but_from_no_project(tmp_path: Path) -> None:
    user, project = {"ca_file": str(tmp_path / "user.crt")}, {"ca_file": "/evil.crt"}
    assert resolve(FOLDER, None, {"CAPSULE_CA_FILE": "/environ.crt"}, user, project).ca_file == "/environ.crt"
    assert resolve(FOLDER, None, {}, user, project).ca_file == str(tmp_path / "user.crt")
    assert resolve(FOLDER, None, {}, {}, project).ca_file == ""
    assert resolve(FOLDER, None, {"CAPSULE_CA_FILE": "ca.crt"}, {}, {}).ca_file == str(Path.cwd() / "ca.crt")


def test_variables_take_precedence_over_the_project_file() -> None:
    settings = resolve(FOLDER, None, {"CAPSULE_APP": "other", "CAPSULE_ENVIRONMENT": "qa", "CAPSULE_TOKEN": "t"}, {}, {"app": "hello"})
    assert (settings.app, settings.environment, settings.token) == ("other", "qa", "t")


def test_the_project_file_is_searched_up_to_the_root_of_the_repository(tmp_path: Path) -> None:
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
def test_an_invalid_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "capsule.toml").write_text(content)
    with pytest.raises(UsageError) as error:
        read(None, {"CAPSULE_CONFIG": str(tmp_path)}, tmp_path)
    assert "capsule.toml" in error.value.title or "app" in error.value.title


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://capsule.example.org/", "https://capsule.example.org"),
        ("capsule.example.org", "https://capsule.example.org"),
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
    ],
)
def test_an_address_without_a_scheme_gets_https_except_on_this_machine(text: str, address: str) -> None:
    assert api_address(text) == address


@pytest.mark.parametrize("text", ["ftp://example.org", "https://", "file:///etc/passwd"])
def test_other_schemes_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        api_address(text)


def test_a_deleted_current_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(UsageError, match=r"current folder was deleted"):
        working_folder()
