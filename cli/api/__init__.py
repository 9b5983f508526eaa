# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""The Python client of the HTTP API. docs/api.md has an example."""

from cli.api.auth import Auth
from cli.api.billing import Billing
from cli.api.deploy import Deploy
from cli.api.gateway import Gateway
from cli.api.monitor import Monitor
from cli.api.transport import Transport

__all__ = ["Api"]


class Api:
    """All operations, by context. `transport`: `cli.client.Client`."""

    def __init__(self, transport: Transport) -> None:
        self.auth = Auth(transport)
        self.billing = Billing(transport)
        self.deploy = Deploy(transport)
        self.gateway = Gateway(transport)
        self.monitor = Monitor(transport)
