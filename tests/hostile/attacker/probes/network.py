"""Which servers answer: this machine on every address, metadata services, private networks, abstract sockets, relays for other hosts; and names.

OWASP Docker rules 1 and 5, CIS Docker 5.8, 5.9, and Kubernetes' advice to restrict access to cloud metadata.
"""

import contextlib
import http.client
import os
import socket
from concurrent.futures import ThreadPoolExecutor

from . import outcome

SECONDS = 1.0
METADATA = (("169.254.169.254", 80), ("169.254.170.2", 80), ("192.0.0.192", 80), ("100.100.100.200", 80), ("fd00:ec2::254", 80),
            ("169.254.20.10", 53))  # fmt: skip
PRIVATE = (("10.0.2.2", 22), ("10.0.2.2", 80), ("10.0.0.1", 22), ("172.17.0.1", 22), ("172.17.0.1", 2375), ("192.168.0.1", 80),
           ("192.168.1.1", 80), ("192.168.122.1", 53), ("100.64.0.1", 80), ("10.96.0.1", 443))  # fmt: skip
NAMES = ("pypi.org", "localhost", "metadata.google.internal", "kubernetes.default.svc")


def connect(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        connection.connect((address, port))


def answering(ports):
    """Return the (address, port) pairs that accept a connection."""
    with ThreadPoolExecutor(64) as pool:
        outcomes = list(pool.map(lambda pair: outcome(connect, *pair), ports))
    return [list(pair) for pair, result in zip(ports, outcomes, strict=True) if result == "ok"]


def abstract(names):
    """Return the abstract Unix sockets that accept a connection. They belong to a network namespace, not to a file system."""
    found = []
    for name in names:
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_UNIX, kind) as connection:
                connection.settimeout(SECONDS)
                if outcome(connection.connect, "\0" + name) == "ok":
                    found.append(name)
    return sorted(set(found))


def ask(server, host, path="/"):
    """Send an HTTP request to a server. Returns [status, first bytes], or None without an answer."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(server[0], server[1], timeout=3)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return [answer.status, answer.read(300).decode(errors="replace")]
        finally:
            connection.close()
    return None


def relayed(servers, hosts):
    """Ask every server for every host of others: what a shared ingress would reveal."""
    pairs = [(server, host) for server in servers for host in hosts]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda pair: ask(*pair), pairs))
    return [{"server": server, "host": host, "answer": answer} for (server, host), answer in zip(pairs, answers, strict=True) if answer is not None]


def resolve(name):
    """Return a name's addresses, or the name of the resolver's error."""
    try:
        return sorted({each[4][0] for each in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
    except socket.gaierror as error:
        return {getattr(socket, each): each for each in dir(socket) if each.startswith("EAI_")}.get(error.errno, str(error))


def interfaces():
    return sorted(name for _, name in socket.if_nameindex())


def _lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def collect(targets):
    own = int(os.environ.get("PORT") or 0)
    open_ports = answering([pair for pair in targets["open_ports"] if pair[1] != own])
    return {
        "open": open_ports,
        "relayed": relayed(open_ports, targets["hosts"]),
        "own": [pair for pair in (["127.0.0.1", own],) if own and outcome(connect, *pair) == "ok"],
        "metadata": answering(METADATA),
        "private": answering(PRIVATE),
        "abstract": abstract(targets["abstract"]),
        "unix_sockets": [line.split()[-1] for line in _lines("/proc/net/unix")[1:] if "/" in line.split()[-1] or "@" in line.split()[-1]],
        "names": {name: resolve(name) for name in NAMES},
        "interfaces": interfaces(),
    }
