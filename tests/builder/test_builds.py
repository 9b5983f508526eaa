"""Builds of complete repositories: cloned over HTTP, installed, and started from the image."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from knative.local.images import digest
from tests.builder.conftest import INHERITED, Outcome, run_container
from tests.builder.repositories import Repositories
from tests.builder.running import get, running, stored
from tests.proof import proof
from tests.waiting import wait_limit

Build = Callable[..., Outcome]

PLAIN = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"plain")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
FLASK = """
from flask import Flask
app = Flask(__name__)
@app.get("/")
def hello():
    return "flask"
"""


def test_python_with_requirements_and_procfile(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("procfile")
    commit = repository.commit({"requirements.txt": "flask\n", "code.py": FLASK, "Procfile": "web: flask --app code run --port $PORT\n"})
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    assert outcome.message["commit"] == commit
    assert outcome.message["kind"] == "python"
    assert "image" not in outcome.message, "the platform computes the digest"
    assert "==> Built capsule.local/apps/sample in " in outcome.log
    assert outcome.log.startswith("==> Cloning"), outcome.log
    with running(outcome, tmp_path / "store") as url:
        assert get(url) == "flask"


@proof("repositories")
def test_flask_without_a_procfile_gets_a_server(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("flask")
    repository.commit({"requirements.txt": "flask\n", "app.py": FLASK})
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    with running(outcome, tmp_path / "store") as url:
        assert get(url) == "flask"


@proof("repositories")
def test_pyproject_with_dependencies_and_main(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("pyproject")
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["itsdangerous"]\n'
    repository.commit({"pyproject.toml": project, "main.py": "import itsdangerous\n" + PLAIN})
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    with running(outcome, tmp_path / "store") as url:
        assert get(url) == "plain"


@proof("repositories")
def test_pyproject_of_a_package_with_a_script(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("package")
    project = (
        '[project]\nname = "served"\nversion = "1"\n[project.scripts]\nserve-it = "served:main"\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    body = "def main():\n" + "\n".join(f"    {line}" for line in PLAIN.strip().splitlines())
    repository.commit({"pyproject.toml": project, "src/served/__init__.py": body})
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    with running(outcome, tmp_path / "store") as url:
        assert get(url) == "plain"


@proof("repositories")
@pytest.mark.parametrize("layout", ["src/made", "made"])
def test_an_editable_install_names_the_mount_point_of_the_image(repositories: Repositories, build: Build, layout: str) -> None:
    repository = repositories.create("editable")
    project = '[project]\nname = "made"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    files = {"requirements.txt": "-e .\n", "pyproject.toml": project, f"{layout}/__init__.py": "x = 1\n", "main.py": "import made\n" + PLAIN}
    repository.commit(files)
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    packages = next(outcome.image.glob("rootfs/.venv/lib*/python*/site-packages"))
    texts = [path.read_text() for path in packages.iterdir() if path.suffix in (".pth", ".py")]
    assert any("/app" in text for text in texts) and not any(str(outcome.image) in text for text in texts), texts


def test_static_site(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("static")
    repository.commit({"index.html": "<h1>home</h1>", "about/index.html": "about", ".env": "SECRET=1", "404.html": "nothing here", "a/b.txt": "b"})
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    assert outcome.message["kind"] == "static"
    with running(outcome, tmp_path / "store") as url:
        assert get(url) == "<h1>home</h1>"
        assert get(f"{url}/about/") == "about"
        for hidden in ("/.env", "/a/", "/none", "/..%2f..%2fetc/passwd", "/serve.py"):
            with pytest.raises(urllib.error.HTTPError) as missing:
                get(url + hidden)
            assert missing.value.code == 404, hidden
            assert missing.value.read() == b"nothing here"


def test_applications_do_not_see_packages_of_the_platform(repositories: Repositories, build: Build, tmp_path: Path) -> None:
    repository = repositories.create("alone")
    repository.commit({"requirements.txt": "", "main.py": "import psycopg\n"})
    outcome = build(repository.url)
    assert outcome.code == 0, outcome.log
    image = stored(outcome, tmp_path / "store")
    process = subprocess.run(image.command, cwd=image.folder, env=dict(image.env), capture_output=True, text=True, timeout=20)
    assert process.returncode == 1
    assert "No module named 'psycopg'" in process.stderr


def test_builds_of_one_commit_have_the_same_digest(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("same")
    repository.commit({"requirements.txt": "itsdangerous\n", "main.py": PLAIN})
    first, second = build(repository.url), build(repository.url)
    assert digest(first.image) == digest(second.image), "builds of the same commit differ"
    json.loads((first.image / "image.json").read_text())


@proof("repositories")
def test_a_ref_is_a_branch_a_tag_or_a_commit_id(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("refs")
    old = repository.commit({"index.html": "1"}, tag="v1")
    middle = repository.commit({"index.html": "2"})
    new = repository.commit({"index.html": "3"})
    side = repository.commit({"index.html": "4"}, branch="feature/main")
    found = {ref: build(repository.url, ref).message["commit"] for ref in ("", "main", "v1", middle, middle[:9], "feature/main", "refs/heads/main")}
    assert found == {"": new, "main": new, "v1": old, middle: middle, middle[:9]: middle, "feature/main": side, "refs/heads/main": new}


def test_a_redirect_to_an_allowed_host_is_followed(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("here")
    repository.commit({"index.html": "1"})
    moved = repository.url.replace("/here.git", "/moved/here.git")
    assert build(moved).code == 0


def test_localhost_names_bypass_resolver_and_proxy(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("named")
    commit = repository.commit({"index.html": "1"})
    host = repositories.host.replace("127.0.0.1", "samples.localhost")
    outcome = build(repository.url.replace(repositories.host, host), REPOSITORY_HOSTS="samples.localhost", http_proxy="http://127.0.0.1:9")
    assert outcome.message.get("commit") == commit, outcome.log


@proof("repositories")
def test_installers_see_only_the_variables_that_the_operator_lists(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("curious")
    setup = "import os, sys\nfrom setuptools import setup\nprint('SEEN', sorted(os.environ), file=sys.stderr)\nsys.exit(3)\n"
    project = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    repository.commit({"pyproject.toml": project, "setup.py": setup, "Procfile": "web: python -m x"})
    outcome = build(repository.url, CAPSULE_AMQP_URL="amqp://secret", TOKEN="secret", SHOWN="yes", BUILD_ENVIRONMENT=" ".join(["SHOWN", *INHERITED]))
    assert outcome.message["reason"] == "build-failed", outcome.log
    (line,) = [line for line in outcome.log.splitlines() if "SEEN" in line and line.startswith("    ")][:1]
    assert "'SHOWN'" in line
    for hidden in ("CAPSULE_AMQP_URL", "TOKEN", "REPOSITORY", "CAPSULE_ROOT"):
        assert f"'{hidden}'" not in line


@proof("repositories")
def test_the_log_is_written_while_the_build_runs(repositories: Repositories, tmp_path: Path) -> None:
    repository = repositories.create("slow")
    setup = "import time\nfrom setuptools import setup\nprint('still building', flush=True)\ntime.sleep(600)\n"
    project = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    repository.commit({"pyproject.toml": project, "setup.py": setup, "Procfile": "web: python -m x"})
    environment = {
        "CAPSULE_ROOT": str(tmp_path / "slow"),
        "REPOSITORY": repository.url,
        "IMAGE": "capsule.local/apps/slow",
        "REPOSITORY_HOSTS": repositories.host,
        "LIMIT_SECONDS": "8",
        "BUILD_ENVIRONMENT": " ".join(name for name in os.environ if "CERT" in name),
        **{name: value for name, value in os.environ.items() if "CERT" in name},
    }
    assert run_container("knative.builder.clone", tmp_path / "slow", environment).log.startswith("==> Cloning")
    with subprocess.Popen([sys.executable, "-m", "knative.builder"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("==> Recognized")
        assert process.poll() is None, "the log was written only after the build ended"
        assert process.wait(wait_limit(30)) == 1
    assert json.loads((tmp_path / "slow/dev/termination-log").read_text())["reason"] == "timed-out"
