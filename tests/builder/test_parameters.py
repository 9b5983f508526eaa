"""Parameters of a build, and the settings of installers that follow from them."""

from pathlib import Path

import pytest

from knative.builder.image import shell_line
from knative.builder.mirrors import uv_settings
from knative.builder.parameters import Parameters, without_missing_paths


def test_only_listed_variables_reach_installers(tmp_path: Path) -> None:
    environment = {
        "REPOSITORY": "https://x.example/y",
        "IMAGE": "i",
        "BUILD_ENVIRONMENT": "HTTPS_PROXY MISSING",
        "HTTPS_PROXY": "http://p",
        "SECRET": "s",
    }
    parameters = Parameters.from_environment({**environment, "CAPSULE_ROOT": str(tmp_path)})
    assert parameters.environment == {"HTTPS_PROXY": "http://p"}
    assert parameters.workspace == tmp_path / "workspace"
    assert parameters.termination_log == tmp_path / "dev/termination-log"


def test_variables_that_name_missing_paths_are_left_out(tmp_path: Path) -> None:
    existing, missing = tmp_path / "existing", tmp_path / "missing"
    existing.mkdir()
    environment = {
        "SSL_CERT_FILE": str(missing),
        "GIT_SSL_CAINFO": str(existing),
        "PIP_FIND_LINKS": f"{missing} {existing} https://wheels.example/",
        "PIP_INDEX_URL": str(missing),
    }
    assert without_missing_paths(environment) == {
        "GIT_SSL_CAINFO": str(existing),
        "PIP_FIND_LINKS": f"{existing} https://wheels.example/",
        "PIP_INDEX_URL": str(missing),
    }
    assert "PIP_FIND_LINKS" not in without_missing_paths({"PIP_FIND_LINKS": str(missing)})


def test_pip_s_variables_become_uv_s_unless_those_are_set() -> None:
    assert uv_settings({"PIP_INDEX_URL": "https://m/", "PIP_EXTRA_INDEX_URL": "https://e/", "PIP_FIND_LINKS": "/a /b"}) == {
        "UV_DEFAULT_INDEX": "https://m/",
        "UV_INDEX": "https://e/",
        "UV_FIND_LINKS": "/a,/b",
    }
    assert uv_settings({"PIP_INDEX_URL": "https://m/", "UV_DEFAULT_INDEX": "https://u/"}) == {}


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
def test_a_simple_command_replaces_its_shell(command: str, line: str) -> None:
    assert shell_line(command) == line
