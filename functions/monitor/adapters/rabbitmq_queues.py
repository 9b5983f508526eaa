"""Queues as RabbitMQ's management API reports them (https://www.rabbitmq.com/docs/management, "HTTP API").

The login is that of the context, whose user has the tag `management`: it sees queues of its virtual host, and no message of them.
RabbitMQ collects the numbers at an interval of its own (5 s by default, 30 s on one machine).
"""

import ssl
from collections.abc import Sequence
from urllib.parse import quote, unquote, urlsplit

import httpx

from functions.monitor.adapters.variables import MANAGEMENT_URL
from functions.monitor.domain.queues import Queue, read_queues
from functions.monitor.domain.rejections import QueuesUnavailable
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL, AUTHORITIES_FILE
from functions.runtime.storage.external_call import external_call
from functions.wire.settings import MissingSetting

DEFAULT_PORT = 15672
TIMEOUT_SECONDS = 5.0
COLUMNS = "name,messages_ready,messages_unacknowledged,consumers,state"


class RabbitMQQueues:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @external_call
    async def list_all(self) -> Sequence[Queue]:
        amqp = urlsplit(self._settings.value(AMQP_URL))
        vhost = unquote(amqp.path[1:]) or "/"
        address = self._address(str(amqp.hostname))
        login = httpx.BasicAuth(unquote(amqp.username or "guest"), unquote(amqp.password or "guest"))
        try:
            async with httpx.AsyncClient(auth=login, timeout=TIMEOUT_SECONDS, trust_env=False, verify=self._verification(address)) as client:
                response = await client.get(f"{address}/api/queues/{quote(vhost, safe='')}", params={"columns": COLUMNS})
        except (httpx.HTTPError, OSError) as error:
            raise QueuesUnavailable.at(address, str(error) or type(error).__name__, MANAGEMENT_URL.name) from error
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            user = unquote(amqp.username or "guest")
            raise QueuesUnavailable(f'RabbitMQ\'s management API at {address} refuses the user "{user}": give it the tag management.')
        if not response.is_success:
            raise QueuesUnavailable.at(address, f"it answered {response.status_code}", MANAGEMENT_URL.name)
        return read_queues(response.json())

    def _address(self, host: str) -> str:
        try:
            return self._settings.value(MANAGEMENT_URL).rstrip("/")
        except MissingSetting:
            return f"http://{host}:{DEFAULT_PORT}"

    def _verification(self, address: str) -> ssl.SSLContext | bool:
        """The system's authorities, and those that the operator names."""
        file = self._settings.value(AUTHORITIES_FILE)
        if not file or not address.startswith("https://"):
            return True
        context = ssl.create_default_context()
        context.load_verify_locations(file)
        return context
