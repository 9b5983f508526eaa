"""How one TCP connection travels in one WebSocket: the subprotocol of tunnels.

Binary messages are its bytes, in any division. An empty binary message ends the direction of its sender, as FIN does (RFC 9293 section 3.6): the
other direction stays open. A connection that breaks closes the WebSocket with 1014, or without a code. Text is not valid.
"""

PROTOCOL = "v1.tunnel.capsule.dev"
END = b""
CHUNK_BYTES = 1 << 16
"""Of data in one message of the server. Clients may send as much as `attach_channels.MAX_MESSAGE_BYTES`."""
