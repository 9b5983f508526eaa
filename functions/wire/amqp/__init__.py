"""The AMQP connection layer of functions, gateway and the one-machine Knative, on pika's asyncio adapter.

    connection         one connection per process, restored whenever it is lost
    confirms           publications that wait for RabbitMQ's confirm
    acknowledgements   deliveries acknowledged in batches
    deliveries         deliveries read at once, not frame by frame
    stream, tables     faster replacements for pika's socket handling and header codec

The layer knows no exchange, queue or message format. It uses internals of pika (`deliveries`, `stream`, `tables`), so pyproject.toml
pins pika to the range below, and importing this package fails with UnsupportedPika outside of it.
"""

from importlib.metadata import version

import pika.adapters.asyncio_connection
import pika.channel
import pika.data
import pika.frame

SUPPORTED_PIKA = ("1.3", "1.4")
"""The same range as REQUIREMENT and pyproject.toml."""
REQUIREMENT = "pika>=1.3.2,<1.5"

_INTERNALS = {
    pika.adapters.asyncio_connection: ("AsyncioConnection", "_AsyncioIOReference", "_AsyncioIOServicesAdapter"),
    pika.adapters.asyncio_connection.AsyncioConnection: ("_on_data_available", "_process_frame"),
    pika.channel.Channel: ("_on_deliver",),
    pika.data: ("encode_table", "decode_table", "encode_value", "decode_value", "encode_short_string"),
    pika.frame: ("decode_frame", "Header", "Method"),
}


class UnsupportedPika(ImportError):
    """The installed pika lacks internals that this package uses. The text names them and the range to install."""


def check_pika(installed: str) -> None:
    """Raises UnsupportedPika if `installed` is not a supported version, or an internal name is missing."""
    if not installed.startswith(tuple(f"{series}." for series in SUPPORTED_PIKA)):
        raise UnsupportedPika(
            f"pika {installed} is installed; Capsule uses internals of pika {' and '.join(SUPPORTED_PIKA)}: pip install '{REQUIREMENT}'"
        )
    missing = [f"{module.__name__}.{name}" for module, names in _INTERNALS.items() for name in names if not hasattr(module, name)]
    if missing:
        raise UnsupportedPika(f"pika {installed} lacks {', '.join(missing)}: pip install '{REQUIREMENT}'")


check_pika(version("pika"))
