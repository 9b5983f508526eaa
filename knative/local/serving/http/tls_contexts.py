"""TLS contexts from a certificate and its key in memory. Loads no signing library."""

import os
import ssl

HTTP_2 = "h2"
ALPN = [HTTP_2, "http/1.1"]


def server_context(minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = minimum
    context.set_alpn_protocols(ALPN)
    return context


def load_pair(certificate_and_key: bytes, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return a context. The content passes through memory, because certificate and key must be of one reading. Raises ssl.SSLError."""
    context = server_context(minimum)
    descriptor = os.memfd_create("certificate")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(certificate_and_key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context
