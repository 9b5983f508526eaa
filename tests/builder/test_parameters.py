"""What a build is told, and what it makes of it."""

from pathlib import Path

import pytest

from knative.builder.install import for_uv, shell_line
from knative.builder.parameters import Parameters, usable


def test_only_the_variables_that_are_named_reach_installers(tmp_path: Path) -> None:
    told = {"REPOSITORY": "https://x.example/y", "IMAGE": "i", "BUILD_ENVIRONMENT": "HTTPS_PROXY MISSING", "HTTPS_PROXY": "http://p", "SECRET": "s"}
    found = Parameters.read({**told, "CAPSULE_ROOT": str(tmp_path)})
    assert found.environment == {"HTTPS_PROXY": "http://p"}
    assert found.workspace == tmp_path / "workspace"
    assert found.termination_log == tmp_path / "dev/termination-log"


def test_files_of_the_operator_s_machine_that_a_build_cannot_see_are_left_out(tmp_path: Path) -> None:
    here, gone = tmp_path / "here", tmp_path / "gone"
    here.mkdir()
    said = {
        "SSL_CERT_FILE": str(gone),
        "GIT_SSL_CAINFO": str(here),
        "PIP_FIND_LINKS": f"{gone} {here} https://wheels.example/",
        "PIP_INDEX_URL": str(gone),
    }
    assert usable(said) == {"GIT_SSL_CAINFO": str(here), "PIP_FIND_LINKS": f"{here} https://wheels.example/", "PIP_INDEX_URL": str(gone)}
    assert "PIP_FIND_LINKS" not in usable({"PIP_FIND_LINKS": str(gone)})


def test_pip_s_variables_are_said_in_uv_s_words_unless_uv_s_are_there() -> None:
    assert for_uv({"PIP_INDEX_URL": "https://m/", "PIP_EXTRA_INDEX_URL": "https://e/", "PIP_FIND_LINKS": "/a /b"}) == {
        "UV_DEFAULT_INDEX": "https://m/",
        "UV_INDEX": "https://e/",
        "UV_FIND_LINKS": "/a,/b",
    }
    assert for_uv({"PIP_INDEX_URL": "https://m/", "UV_DEFAULT_INDEX": "https://u/"}) == {}


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("gunicorn app:app", "exec gunicorn app:app"),
        ('uvicorn x:y --port "$PORT"', 'exec uvicorn x:y --port "$PORT"'),
        ("python migrate.py && python app.py", "python migrate.py && python app.py"),
        ("DEBUG=1 python app.py", "DEBUG=1 python app.py"),
        ("exec python app.py", "exec python app.py"),
        ("cd src; python app.py", "cd src; python app.py"),
    ],
)
def test_a_command_replaces_its_shell_where_that_is_possible(command: str, line: str) -> None:
    assert shell_line(command) == line
