"""What the kernel knows about a client's connection."""

import asyncio
import socket


def detect_lost_peer(transport: asyncio.BaseTransport, unread_seconds: float = 0.0) -> None:
    """Let the kernel end a connection whose peer has vanished (tcp(7)).

    `unread_seconds`: also one whose peer is there and reads nothing of a response for so long; 0: it may pause as long as it likes.
    """
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(unread_seconds * 1000)),
    ):
        connection.setsockopt(level, option, value)
