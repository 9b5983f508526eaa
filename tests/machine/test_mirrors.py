"""Settings of builds: proxies and mirrors from the environment and pip's configuration, without local folders."""

from pathlib import Path

import pytest

from knative.machine.home import Home
from knative.machine.mirrors import build_settings


def test_settings_from_the_environment_are_prefixed_and_secrets_left_out(tmp_path: Path) -> None:
    environment = {"HTTPS_PROXY": "http://proxy.example:3128", "PIP_INDEX_URL": "https://mirror.example/simple", "AWS_SECRET_ACCESS_KEY": "s"}
    settings = build_settings(Home(tmp_path, environment=environment))
    assert settings["CAPSULE_BUILD_HTTPS_PROXY"] == "http://proxy.example:3128"
    assert settings["CAPSULE_BUILD_PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert not any("SECRET" in name for name in settings)


def test_local_folders_are_left_out(tmp_path: Path) -> None:
    environment = {"PIP_FIND_LINKS": "/opt/wheels", "PIP_EXTRA_INDEX_URL": "file:///opt/index https://two.example/simple"}
    settings = build_settings(Home(tmp_path, environment=environment))
    assert "CAPSULE_BUILD_PIP_FIND_LINKS" not in settings
    assert settings["CAPSULE_BUILD_PIP_EXTRA_INDEX_URL"] == "https://two.example/simple"


def test_the_environment_overrides_pip_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://configured.example/simple\ntrusted-host = configured.example\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    settings = build_settings(Home(tmp_path, environment={}))
    assert settings["CAPSULE_BUILD_PIP_INDEX_URL"] == "https://configured.example/simple"
    assert settings["CAPSULE_BUILD_PIP_TRUSTED_HOST"] == "configured.example"
    settings = build_settings(Home(tmp_path, environment={"PIP_INDEX_URL": "https://environment.example/simple"}))
    assert settings["CAPSULE_BUILD_PIP_INDEX_URL"] == "https://environment.example/simple"
