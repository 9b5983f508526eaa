"""Private repositories on the real runtime and in the real sandbox: cloned by one container, built by another that finds no credential."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builder.repositories import Repositories
from tests.builder.ssh_server import PROGRAM, SshServer, ssh_server
from tests.deploy.process import DeployWorld, Developer, developer, repositories, worker, world
from tests.proof import proof

__all__ = ["developer", "repositories", "worker", "world"]

pytestmark = [proof("sources"), pytest.mark.skipif(PROGRAM is None or os.getuid() != 0, reason="needs sshd, and root to start it")]
TOKEN = "sentinel-token-0123456789"
SETUP = """
import json, os
from setuptools import setup
found = []
for place in ("/run", "/tmp", "/workspace", "/home", "/dev/shm", "/cache"):
    for folder, _, names in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            try:
                text = open(path, errors="replace").read(100_000)
            except OSError:
                continue
            if "sentinel-token" + "-0123" in text or "OPENSSH PRIVATE" + " KEY" in text:
                found.append(path)
for process in os.listdir("/proc"):
    for name in ("environ", "cmdline"):
        try:
            if process.isdigit() and "sentinel-token" + "-0123" in open(f"/proc/{process}/{name}").read():
                found.append(f"{process}/{name}")
        except OSError:
            continue
mounted = sorted(os.listdir("/run/capsule")) if os.path.isdir("/run/capsule") else []
values = {name: open(f"/run/capsule/build/{name}").read() for name in ("variables/COLOR", "secrets/HUSH")}
open("facts.json", "w").write(json.dumps({"found": found, "mounted": mounted, **values}))
setup(name="x", version="1", py_modules=[])
"""
APP = """
import http.server, json, os
facts = {name: value for name, value in os.environ.items() if name.startswith("CAPSULE_") or name == "SOURCE_VERSION"}
body = json.dumps({"build": json.load(open("facts.json")), "facts": facts}).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
FILES = {
    "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
    "setup.py": SETUP,
    "main.py": APP,
    "Procfile": "web: python main.py\n",
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh") / "sshd") as found:
        yield found


@pytest.fixture(scope="session")
def hosts(repositories: Repositories, server: SshServer) -> str:
    return f"{repositories.host} {server.host}"


def create(developer: Developer, url: str) -> str:
    status, application = developer.send("create_application", name=f"p{os.urandom(4).hex()}", repository=url)
    assert status == 201, application
    return str(application["id"])


def test_a_deploy_key_opens_a_repository_over_ssh(developer: Developer, repositories: Repositories, server: SshServer, world: DeployWorld) -> None:
    repository = repositories.create("over-ssh")
    commit = repository.commit(FILES)
    application = create(developer, server.url(repository.bare))
    refused = developer.deploy(application)
    assert (refused["status"], refused["reason"]) == ("failed", "repository-private"), refused

    status, key = developer.send("create_deploy_key", applicationId=application)
    assert status == 200
    server.accept(key["publicKey"])
    change = {"variables": {"COLOR": "blue"}, "secrets": {"HUSH": world.sealed("quiet")}, "deploy": False}
    assert developer.send("configure_application", applicationId=application, **change)[0] == 202
    done = developer.deploy(application)
    assert (done["status"], done["commit"]) == ("succeeded", commit), done
    answer = json.loads(developer.get(done["url"]).partition(" ")[2])
    assert answer["build"] == {"found": [], "mounted": ["build"], "variables/COLOR": "blue", "secrets/HUSH": "quiet"}
    facts = answer["facts"]
    assert (facts["CAPSULE_ENVIRONMENT"], facts["CAPSULE_RELEASE"], facts["CAPSULE_COMMIT"], facts["SOURCE_VERSION"]) == (
        "staging", "r1", commit, commit,
    )  # fmt: skip

    view = developer.send("repository_access", applicationId=application)[1]
    assert [each["host"] for each in view["hostKeys"]] == [f"[127.0.0.1]:{server.port}"]
    server.stop()
    server.create_host_key()
    server.start()
    changed = developer.deploy(application)
    assert (changed["status"], changed["reason"]) == ("failed", "host-key-changed"), changed
    assert developer.send("set_host_keys", applicationId=application, hostKeys=[])[0] == 200
    assert developer.deploy(application)["status"] == "succeeded"


def test_a_token_opens_a_repository_over_http(developer: Developer, repositories: Repositories, world: DeployWorld) -> None:
    repository = repositories.create("over-http", password=TOKEN)
    commit = repository.commit(FILES)
    application = create(developer, repository.url)
    refused = developer.deploy(application)
    assert (refused["status"], refused["reason"]) == ("failed", "repository-private"), refused
    status, view = developer.send("set_repository_token", applicationId=application, token=world.sealed(TOKEN))
    assert status == 200 and TOKEN not in json.dumps(view), view
    change = {"variables": {"COLOR": "blue"}, "secrets": {"HUSH": world.sealed("quiet")}, "deploy": False}
    assert developer.send("configure_application", applicationId=application, **change)[0] == 202
    done = developer.deploy(application)
    assert (done["status"], done["commit"]) == ("succeeded", commit), done
    answer = json.loads(developer.get(done["url"]).partition(" ")[2])
    assert answer["build"]["found"] == []
    for log in Path(world.machine.home).rglob("*.log"):
        assert TOKEN not in log.read_text(errors="replace"), log
