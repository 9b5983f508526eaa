"""A real sshd on loopback that serves git repositories to the accepted keys."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
START_SECONDS = 60


class SshServer:
    """`url(bare)` is the clone URL of a bare repository; `accept(line)` replaces the accepted keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.user = pwd.getpwuid(os.getuid()).pw_name
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        folder.mkdir(mode=0o700)
        self.accept("")
        self.create_host_key()

    def url(self, bare: Path) -> str:
        return f"ssh://{self.user}@{self.host}{bare}"

    def accept(self, *lines: str) -> None:
        (self._folder / "authorized_keys").write_text("".join(f"{line}\n" for line in lines))

    def create_host_key(self) -> str:
        """Create another host key and return its type and base64. Takes effect at the next start."""
        key = self._folder / "host_key"
        for path in (key, key.with_suffix(".pub")):
            path.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        return " ".join(key.with_suffix(".pub").read_text().split()[:2])

    def start(self) -> None:
        settings = {
            "Port": self.port, "ListenAddress": "127.0.0.1", "HostKey": self._folder / "host_key", "PidFile": "none",
            "AuthorizedKeysFile": self._folder / "authorized_keys", "StrictModes": "no", "UsePAM": "no", "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password", "LogLevel": "VERBOSE",
        }  # fmt: skip
        config = self._folder / "sshd_config"
        config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        os.makedirs("/run/sshd", exist_ok=True)  # sshd's own folder for privilege separation
        assert PROGRAM is not None
        self._process = subprocess.Popen([PROGRAM, "-D", "-e", "-f", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Server listening" in line:
                return
        raise AssertionError(f"sshd did not start: {self._process.wait(START_SECONDS)}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=START_SECONDS)
            self._process = None


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    server = SshServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
