"""The containers of a buildpacks build that are ours: clone, prepare and report. The lifecycle between them does not run here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.follow import END_OF_BUILD_LOG
from knative.builder.outcome import MAX_MESSAGE_BYTES, termination_message
from tests.builder.conftest import ROOT
from tests.builder.repositories import Repositories


def run(module: str, root: Path, url: str, host: str, **parameters: str) -> int:
    environment = {
        "PATH": "/usr/bin:/bin",
        "CAPSULE_ROOT": str(root),
        "REPOSITORY": url,
        "IMAGE": "registry.example.com/apps/sample",
        "REPOSITORY_HOSTS": host,
        **{name: value for name, value in os.environ.items() if "CERT" in name},
        **parameters,
    }
    return subprocess.run([sys.executable, "-m", module], env=environment, cwd=ROOT).returncode


def test_the_pushed_image_is_reported_with_its_commit(repositories: Repositories, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    repository = repositories.create("app")
    commit = repository.commit({"index.html": "1"})
    root = tmp_path / "pod"
    assert run("knative.builder.clone", root, repository.url, repositories.host) == 0
    assert (root / "workspace/source/index.html").read_text() == "1"
    assert run("knative.builder.prepare", root, repository.url, repositories.host) == 0
    assert (root / "workspace/app/index.html").read_text() == "1"
    digest = "sha256:" + "a" * 64
    (root / "workspace/report.toml").write_text(f'[image]\ntags = ["x"]\ndigest = "{digest}"\n')
    assert run("knative.builder.report", root, repository.url, repositories.host) == 0
    assert any(line.startswith(END_OF_BUILD_LOG) for line in capfd.readouterr().out.splitlines()), "the command waits for the end of the log"
    message = json.loads((root / "dev/termination-log").read_text())
    assert message == {"image": f"registry.example.com/apps/sample@{digest}", "commit": commit, "kind": "buildpacks"}


def test_a_failed_clone_reports_its_reason(repositories: Repositories, tmp_path: Path) -> None:
    assert run("knative.builder.clone", tmp_path / "pod", f"http://{repositories.host}/none.git", repositories.host) == 1
    assert json.loads((tmp_path / "pod/dev/termination-log").read_text())["reason"] == "repository-not-found"


def test_a_missing_lifecycle_report_fails_the_build(repositories: Repositories, tmp_path: Path) -> None:
    assert run("knative.builder.report", tmp_path / "pod", "http://x.example/y", "") == 1
    assert json.loads((tmp_path / "pod/dev/termination-log").read_text())["reason"] == "build-failed"


def test_a_long_detail_keeps_its_end_and_fits_a_termination_message() -> None:
    message = termination_message({"reason": "build-failed", "detail": "ü" * 9000 + " the end"})
    assert len(message.encode()) <= MAX_MESSAGE_BYTES
    assert json.loads(message)["detail"].endswith("the end")


def test_what_the_repository_declares_is_reported(repositories: Repositories, tmp_path: Path) -> None:
    repository = repositories.create("declared")
    files = {"shop/Procfile": "release: python migrate.py\nworker: python work.py\nweb: old", "shop/app.json": '{"healthchecks": {}}'}
    repository.commit({**files, "capsule.toml": '[build]\ndirectory = "shop"\n\n[deploy]\nport = 3000\n'})
    root = tmp_path / "pod"
    parameters = {"START_COMMAND": "python serve.py --all"}
    assert run("knative.builder.clone", root, repository.url, repositories.host, **parameters) == 0
    assert run("knative.builder.prepare", root, repository.url, repositories.host, **parameters) == 0
    assert (root / "workspace/app/Procfile").read_text() == "web: python serve.py --all\nrelease: python migrate.py\nworker: python work.py\n"
    (root / "workspace/report.toml").write_text(f'[image]\ndigest = "sha256:{"a" * 64}"\n')
    assert run("knative.builder.report", root, repository.url, repositories.host, **parameters) == 0
    message = json.loads((root / "dev/termination-log").read_text())
    assert (message["release"], message["port"]) == ("python migrate.py", "3000")
    assert json.loads(message["processes"]) == {"worker": "python work.py"}


def test_another_builder_and_images_of_registries_are_refused_before_anything_is_built(repositories: Repositories, tmp_path: Path) -> None:
    repository = repositories.create("dockerfile")
    repository.commit({"Dockerfile": "FROM scratch", "capsule.toml": '[build]\nbuilder = "dockerfile"\n'})
    root = tmp_path / "pod"
    assert run("knative.builder.clone", root, repository.url, repositories.host) == 0
    for parameters, word in (({}, "dockerfile (capsule.toml)"), ({"IMAGE_REFERENCE": "nginx:1"}, "images of registries")):
        assert run("knative.builder.prepare", root, repository.url, repositories.host, **parameters) == 1
        message = json.loads((root / "dev/termination-log").read_text())
        assert message["reason"] == "unsupported" and word in message["detail"]
