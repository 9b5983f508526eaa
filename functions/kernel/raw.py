"""Bodies that are not JSON: a request taken as it came, and an answer that is a file.

Between gateway and function both travel as JSON all the same, their bytes in base64: only the gateway, and what describes it, knows of them.
"""

from typing import ClassVar

from pydantic import ConfigDict

from functions.kernel.message import Model


class RawRequest(Model):
    """The input of a command whose sender signs the very bytes of the body (a webhook).

    Every field of a subclass that stands neither here nor in the path is the request header of that name: `stripe_signature` is
    `Stripe-Signature`. A header that may be missing has a default.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    body: bytes


class File(Model):
    """An answer that a browser shows or saves. A subclass names its media type."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    media_type: ClassVar[str] = "application/octet-stream"

    name: str
    content: bytes
