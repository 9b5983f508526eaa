"""What builds are told of the machine's proxies and mirrors: the environment and pip's configuration, and no folder of this machine."""

from pathlib import Path

import pytest

from knative.machine.home import Home
from knative.machine.mirrors import for_builds


def test_the_environment_is_passed_on_under_names_of_its_own(tmp_path: Path) -> None:
    environment = {"HTTPS_PROXY": "http://proxy.example:3128", "PIP_INDEX_URL": "https://mirror.example/simple", "AWS_SECRET_ACCESS_KEY": "s"}
    told = for_builds(Home(tmp_path, environment=environment))
    assert told["CAPSULE_BUILD_HTTPS_PROXY"] == "http://proxy.example:3128"
    assert told["CAPSULE_BUILD_PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert not any("SECRET" in name for name in told)


def test_folders_of_this_machine_are_left_out(tmp_path: Path) -> None:
    environment = {"PIP_FIND_LINKS": "/opt/wheels", "PIP_EXTRA_INDEX_URL": "file:///opt/index https://two.example/simple"}
    told = for_builds(Home(tmp_path, environment=environment))
    assert "CAPSULE_BUILD_PIP_FIND_LINKS" not in told
    assert told["CAPSULE_BUILD_PIP_EXTRA_INDEX_URL"] == "https://two.example/simple"


def test_pips_own_files_count_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://configured.example/simple\ntrusted-host = configured.example\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    told = for_builds(Home(tmp_path, environment={}))
    assert told["CAPSULE_BUILD_PIP_INDEX_URL"] == "https://configured.example/simple"
    assert told["CAPSULE_BUILD_PIP_TRUSTED_HOST"] == "configured.example"
    told = for_builds(Home(tmp_path, environment={"PIP_INDEX_URL": "https://said.example/simple"}))
    assert told["CAPSULE_BUILD_PIP_INDEX_URL"] == "https://said.example/simple"
