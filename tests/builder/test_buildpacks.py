"""The two ends of a build by buildpacks, which are ours: cloning, and telling what was pushed. The lifecycle between them is not run here."""

import json
import os
import subprocess
import sys
from pathlib import Path

from knative.builder.outcome import LONGEST_MESSAGE, message
from tests.builder.conftest import ROOT
from tests.builder.repositories import Repositories


def run(module: str, place: Path, url: str, host: str) -> int:
    environment = {
        "PATH": "/usr/bin:/bin",
        "CAPSULE_ROOT": str(place),
        "REPOSITORY": url,
        "IMAGE": "registry.example.com/apps/sample",
        "REPOSITORY_HOSTS": host,
        **{name: value for name, value in os.environ.items() if "CERT" in name},
    }
    return subprocess.run([sys.executable, "-m", module], env=environment, cwd=ROOT).returncode


def test_clone_then_tell(repositories: Repositories, tmp_path: Path) -> None:
    repository = repositories.make("app")
    commit = repository.commit({"index.html": "1"})
    place = tmp_path / "pod"
    assert run("knative.builder.clone", place, repository.url, repositories.host) == 0
    assert (place / "workspace/source/index.html").read_text() == "1"
    digest = "sha256:" + "a" * 64
    (place / "workspace/report.toml").write_text(f'[image]\ntags = ["x"]\ndigest = "{digest}"\n')
    assert run("knative.builder.tell", place, repository.url, repositories.host) == 0
    said = json.loads((place / "dev/termination-log").read_text())
    assert said == {"image": f"registry.example.com/apps/sample@{digest}", "commit": commit, "kind": "buildpacks"}


def test_a_clone_that_fails_says_why(repositories: Repositories, tmp_path: Path) -> None:
    assert run("knative.builder.clone", tmp_path / "pod", f"http://{repositories.host}/none.git", repositories.host) == 1
    assert json.loads((tmp_path / "pod/dev/termination-log").read_text())["reason"] == "repository-not-found"


def test_no_report_is_a_failed_build(repositories: Repositories, tmp_path: Path) -> None:
    assert run("knative.builder.tell", tmp_path / "pod", "http://x.example/y", "") == 1
    assert json.loads((tmp_path / "pod/dev/termination-log").read_text())["reason"] == "build-failed"


def test_a_long_detail_is_cut_to_what_kubernetes_keeps_and_its_end_stays() -> None:
    said = message({"reason": "build-failed", "detail": "ü" * 9000 + " the end"})
    assert len(said.encode()) <= LONGEST_MESSAGE
    assert json.loads(said)["detail"].endswith("the end")
