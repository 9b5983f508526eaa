"""A registry on this machine's loopback, with a base image in it."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from knative.machine import packages
from tests.knative.containers.conftest import busybox
from tests.knative.machine import until

USER, PASSWORD = "me", "hunter2-hunter2"
HASH = "$2b$05$NnolsHjG32.u865OkPbwAu2GUmsBM/bp0EFfARAZC7M.FoYulb1U2"
"""Of the password (bcrypt)."""
BASE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /etc /tmp /www && echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd && echo 'root:x:0:' > /etc/group && echo hello > /www/index.html
CMD httpd -f -p ${PORT} -h /www
"""


@dataclass(frozen=True)
class Registry:
    host: str
    digest: str
    """Of the image `library/base:1`."""


@contextmanager
def registry(folder: Path, is_private: bool = False) -> Iterator[Registry]:
    """Run a registry that holds the image `library/base:1`. A private one asks for USER and PASSWORD."""
    packages.install([packages.DOCKER_REGISTRY, packages.BUILDAH], print)
    program, buildah = packages.DOCKER_REGISTRY.find(), packages.BUILDAH.find()
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    text = f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '{host}'}}\n"
    if is_private:
        (folder / "htpasswd").write_text(f"{USER}:{HASH}\n")
        text += f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
    (folder / "config.yml").write_text(text)
    with (folder / "log.txt").open("wb") as log:
        server = subprocess.Popen([str(program), "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        until(lambda: _accepts(host), 60)
        yield Registry(host, _push(folder, str(buildah), f"{host}/library/base:1", is_private))
    finally:
        server.terminate()
        server.wait()


def _push(folder: Path, buildah: str, reference: str, is_private: bool) -> str:
    context = folder / "context"
    context.mkdir()
    (context / "busybox").write_bytes(busybox())
    (context / "busybox").chmod(0o755)
    (context / "Dockerfile").write_text(BASE)
    storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
    credentials = ["--creds", f"{USER}:{PASSWORD}"] if is_private else []
    digest = folder / "digest"
    for words in (
        ["build", "--isolation", "chroot", "--tag", "base", str(context)],
        ["push", "--tls-verify=false", "--digestfile", str(digest), *credentials, "base", f"docker://{reference}"],
    ):
        done = subprocess.run([buildah, *storage, *words], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "storage")
    return digest.read_text().removeprefix("sha256:")


def _accepts(host: str) -> bool:
    name, _, port = host.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((name, int(port))) == 0
