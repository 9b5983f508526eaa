"""Holds a user and a network namespace and hands out sockets created there: `python -I -S holder.py NETWORK…`.

Its arguments are the networks that must not be reachable, in CIDR notation; its channel is its standard input. A user
who is not root may create such namespaces, but a process with threads cannot enter them, so the process that created
them stays. It ends with the channel, and the namespaces with it. Standard library only.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from contextlib import suppress

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCADDRT, SIOCSIFFLAGS = 0x890B, 0x8914
RTF_UP, RTF_GATEWAY, RTF_REJECT, IFF_UP, IFF_RUNNING = 0x1, 0x2, 0x200, 0x1, 0x40


IPV4, IPV6 = b"ipv4", b"ipv6"
"""Requests for a socket."""


def set_up(refused: list[str]) -> None:
    """In a new network namespace: bring the loopback up, and refuse networks by routes that a tenant has no right to change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))
        for network in refused:
            refuse(control, network)
    _allow_low_ports()


def _allow_low_ports() -> None:
    """Let every user of this namespace listen on ports below 1024: images listen on port 80 (ip(7), ip_unprivileged_port_start).

    Where /proc/sys is read-only, as in some surrounding containers, such an image reports that it may not bind its port.
    """
    with suppress(OSError), open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write("0")


def refuse(control: socket.socket, network: str) -> None:
    """Add an unreachable route in the namespace in which the socket was created. Idempotent."""
    _add_route(control, network, RTF_UP | RTF_REJECT)


def add_route_through(control: socket.socket, network: str, gateway: str) -> None:
    _add_route(control, network, RTF_UP | RTF_GATEWAY, gateway=gateway)


def add_link_route(control: socket.socket, network: str, device: str) -> None:
    _add_route(control, network, RTF_UP, device=device)


def _add_route(control: socket.socket, network: str, flags: int, gateway: str = "", device: str = "") -> None:
    """Add a route by SIOCADDRT: struct rtentry of <linux/route.h>. Raises OSError."""
    address, _, length = network.partition("/")
    bits = int(length or "32")
    mask = socket.inet_ntoa(struct.pack("!I", (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF))
    name = ctypes.create_string_buffer(device.encode()) if device else None
    entry = struct.pack(
        "@L16s16s16sHhLPhPLLH",
        *(0, _sockaddr(address), _sockaddr(gateway) if gateway else bytes(16), _sockaddr(mask), flags),
        *(0, 0, 0, 0, ctypes.addressof(name) if name is not None else 0, 0, 0, 0),
    )
    try:
        fcntl.ioctl(control, SIOCADDRT, entry)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise OSError(error.errno, f"no route to {network}: {os.strerror(error.errno or 0)}") from error


def _sockaddr(address: str) -> bytes:
    return struct.pack("@HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def main() -> None:
    channel = socket.socket(fileno=os.dup(0))
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        channel.send(b"refused")
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    set_up(sys.argv[1:])
    channel.send(b"ready")
    while family := channel.recv(16):
        with socket.socket(socket.AF_INET6 if family == IPV6 else socket.AF_INET, socket.SOCK_STREAM) as created:
            socket.send_fds(channel, [b"socket"], [created.fileno()])


if __name__ == "__main__":
    main()
