"""Lives in a user and a network namespace of its own and hands out sockets made there; its channel is its standard input, its
words are the addresses that must not be reached.

A user who is not root may make such namespaces but not enter them with a process that has threads; so the one who makes them stays. It ends with
the channel, and with it the namespaces. Standard library only.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCADDRT, SIOCSIFFLAGS = 0x890B, 0x8914
RTF_UP, RTF_REJECT, IFF_UP, IFF_RUNNING = 0x1, 0x200, 0x1, 0x40
LINK_LOCAL = ("169.254.0.0", "255.255.0.0")


def prepare(unreachable: list[str]) -> None:
    """The loopback goes up; what a tenant has no business with is refused by routes that it has no right to change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))
        for address, mask in (LINK_LOCAL, *((each, "255.255.255.255") for each in unreachable)):
            # struct rtentry: destination, gateway, mask, flags
            fcntl.ioctl(
                control,
                SIOCADDRT,
                struct.pack("@L16s16s16sHhLPhPLLH", 0, _internet(address), bytes(16), _internet(mask), RTF_UP | RTF_REJECT, 0, 0, 0, 0, 0, 0, 0, 0),
            )


def _internet(address: str) -> bytes:
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
    prepare(sys.argv[1:])
    channel.send(b"ready")
    while channel.recv(16):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
            socket.send_fds(channel, [b"socket"], [made.fileno()])


if __name__ == "__main__":
    main()
