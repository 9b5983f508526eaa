"""Bodies that are not JSON: a raw request body, and a response that is a file.

Between gateway and function both travel as JSON with their bytes in base64. Only the gateway and the API description know them.
"""

from typing import ClassVar

from pydantic import ConfigDict

from functions.kernel.message import Model


class RawRequest(Model):
    """The input of a command whose sender signs the exact bytes of the body (a webhook).

    Each field of a subclass that is not in the path is the request header of that name: `stripe_signature` is `Stripe-Signature`.
    A field with a default is an optional header.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    body: bytes


class File(Model):
    """A response that a browser shows or saves. A subclass sets its media type."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    media_type: ClassVar[str] = "application/octet-stream"

    name: str
    content: bytes
