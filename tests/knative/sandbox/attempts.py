"""What a hostile tenant tries. Used by an application, and as the text of a malicious setup.py. Standard library only.

Each attempt returns "" when it failed as it should, else what it got.
"""

import glob
import os
import socket


def connect(address: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(3)
        try:
            connection.connect((address, port))
        except OSError:
            return ""
        return f"connected to {address}:{port}"


def connect_abstract(name: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect("\0" + name)
        except OSError:
            return ""
        return f"connected to @{name}"


def ask(port: int, request: str, secret: str) -> str:
    """Send the bytes of a request (latin-1) to a server on the loopback. Successful if the answer contains the secret."""
    answer = b""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        try:
            connection.connect(("127.0.0.1", port))
            connection.sendall(request.encode("latin-1"))
            while piece := connection.recv(65536):
                answer += piece
        except OSError as error:
            answer += b" " + str(error).encode()
    return f"{secret} by {request!r}" if secret.encode() in answer else ""


def datagram(address: str, port: int) -> str:
    """Send a DNS query. Successful if it is answered, or if the kernel does not refuse it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(3)
        try:
            one.connect((address, port))
            one.send(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01")
        except OSError:
            return ""
        return f"sent to {address}:{port}"


def read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return f"read {path}: {file.read(200)!r}"
    except OSError:
        return ""


def write(path: str) -> str:
    try:
        with open(path, "w") as file:
            file.write("was here")
    except OSError:
        return ""
    return f"wrote {path}"


def look(folder: str, expected: str) -> str:
    try:
        found = os.listdir(folder)
    except OSError:
        return ""
    return f"listed {folder}: {found}" if expected in found else ""


def processes(secret: str) -> str:
    """Search the environments of other processes for a secret."""
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if secret.encode() in file.read():
                    return f"found it in {path}"
        except OSError:
            continue
    return ""


def signal_to(pid: int) -> str:
    """Signal a process of the host. In a PID namespace the number belongs to nobody, or to an own process."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return f"sees process {pid}" if f"\nNSpid:\t{pid}\n" in file.read() and pid != os.getpid() else ""
    except OSError:
        return ""


def root() -> str:
    try:
        os.setuid(0)
    except OSError:
        return ""
    return "became root"


def own_secrets() -> str:
    """Return variables that the environment must not contain."""
    found = [
        name for name, value in os.environ.items() if "postgres://" in value or "amqp://" in value or name.startswith(("CAPSULE_AMQP", "KUBECONFIG"))
    ]
    return f"has {found}" if found else ""


KINDS = {each.__name__: each for each in (connect, connect_abstract, ask, datagram, read, write, look, processes, signal_to, root, own_secrets)}


def attempt(attempts: list) -> list:  # type: ignore[type-arg]
    return [got for kind, *words in attempts if (got := KINDS[kind](*words))]
