"""A real ACME directory with a real DNS server: Let's Encrypt's pebble and pebble-challtestsrv, of Debian's package `pebble`."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.certificates import Authority
from tests.runtime.harness import free_port
from tests.waiting import wait_limit

LOOPBACK = "127.0.0.1"


REFUSED_NONCES_PERCENT = "30"
"""Directories may refuse any nonce, and clients repeat the request (RFC 8555, 6.5). Pebble refuses 5 % by itself."""


@dataclass
class Pebble:
    """`http_port`: where it asks for HTTP-01 challenges. `validity_seconds`: of certificates."""

    folder: Path
    http_port: int
    validity_seconds: int = 7_776_000
    port: int = field(default_factory=free_port)
    management: int = field(default_factory=free_port)
    dns: int = field(default_factory=free_port)
    dns_management: int = field(default_factory=free_port)
    _processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.port}/dir"

    @property
    def ca_bundle(self) -> Path:
        """The authority of the directory's own server."""
        return self.folder / "root.crt"

    def start(self) -> None:
        authority = Authority("Pebble's server")
        authority.trust(self.folder)
        certificate, key = authority.write(self.folder / "server", "localhost", LOOPBACK)
        settings = {
            "listenAddress": f"{LOOPBACK}:{self.port}", "managementListenAddress": f"{LOOPBACK}:{self.management}",
            "certificate": str(certificate), "privateKey": str(key), "httpPort": self.http_port, "tlsPort": free_port(),
            "certificateValidityPeriod": self.validity_seconds,
        }  # fmt: skip
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        addresses = ("-dns01", f"{LOOPBACK}:{self.dns}", "-management", f"{LOOPBACK}:{self.dns_management}")
        self._launch("pebble-challtestsrv", "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "", *addresses)
        self.start_directory()

    def start_directory(self) -> None:
        self._launch("pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", f"{LOOPBACK}:{self.dns}")
        self._wait(f"{self.directory}")
        self._wait(f"http://{LOOPBACK}:{self.dns_management}/")

    def stop_directory(self) -> None:
        """It forgets accounts and orders, as a directory that was replaced."""
        self._end(self._processes.pop("pebble"))

    def stop(self) -> None:
        for each in self._processes.values():
            self._end(each)

    def root(self) -> str:
        """What clients of the certificates trust, in PEM."""
        return httpx.get(f"https://{LOOPBACK}:{self.management}/roots/0", verify=False).text

    def set_record(self, kind: str, name: str, **values: object) -> None:
        """`kind`: as in `cname`, `txt`, `default-ipv4`."""
        response = httpx.post(f"http://{LOOPBACK}:{self.dns_management}/{kind}", json={"host": f"{name}.", **values})
        assert response.status_code == 200, response.text

    def _launch(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": REFUSED_NONCES_PERCENT}
            self._processes[program] = subprocess.Popen([program, *arguments], stdout=log, stderr=log, env=environment)

    @staticmethod
    def _end(process: "subprocess.Popen[bytes]") -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(wait_limit(10))

    @staticmethod
    def _wait(url: str) -> None:
        deadline = time.monotonic() + wait_limit(20)
        while True:
            try:
                httpx.get(url, verify=False)
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline, url
                time.sleep(0.05)


@contextmanager
def running(folder: Path, http_port: int, validity_seconds: int = 7_776_000) -> Iterator[Pebble]:
    if shutil.which("pebble") is None:
        pytest.fail("Install Debian's package pebble: apt-get install pebble")
    pebble = Pebble(folder, http_port, validity_seconds)
    try:
        pebble.start()
        yield pebble
    finally:
        pebble.stop()
