"""HTTP/2 from a client (RFC 9113): `connection` (one TCP connection), `streams` (flow control of one request), `exchange` (its response), `requests`
(what a field section asks for), `frame_gate` (what a client may send at all).

The `h2` library parses, compresses and keeps the state of streams. It is loaded with the first connection that negotiates HTTP/2. What it leaves to
its user is here: limits of everything that costs a client less than this server.
"""
