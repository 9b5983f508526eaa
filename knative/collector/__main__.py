"""Collect on one node of a cluster: `python -m knative.collector`, a DaemonSet of `knative/components/collector`."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress

import uvloop

from functions.deploy.adapters.variables import COLLECTION_SECONDS
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL
from functions.runtime.messaging.bus import BrokerUnavailable, Bus
from functions.runtime.messaging.exchanges import EVENTS
from functions.runtime.serving.transport_security import require_tls
from functions.wire import knative_events
from functions.wire.amqp.confirms import Unroutable
from functions.wire.knative_events import Event
from functions.wire.settings import InvalidSetting, MissingSetting
from knative.collector.agent import Agent
from knative.collector.cluster_api import ClusterApi
from knative.collector.outgoing import PublishFailed
from knative.collector.pods import NodePods
from knative.collector.variables import KUBELET_TLS, NODE, NODE_ADDRESS, STATE

CONFIRM_TIMEOUT_SECONDS = 30.0
KUBELET_PORT = 10250


class Events:
    """Publishes to `capsule.events`, from where each event goes straight into the queues of its handlers."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def publish(self, event: Event) -> None:
        """Raises PublishFailed."""
        try:
            await self._bus.publish(EVENTS, event.get("type"), knative_events.to_amqp(event), event.data, mandatory=True)
        except Unroutable as error:
            raise PublishFailed(f"no queue is bound for {event.get('type')}: the Job capsule-topology binds them") from error
        except BrokerUnavailable as error:
            raise PublishFailed(str(error)) from error


async def collect(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    host, port = settings.text("KUBERNETES_SERVICE_HOST"), settings.text("KUBERNETES_SERVICE_PORT", "443")
    api = ClusterApi(
        f"https://{_bracketed(host)}:{port}",
        f"https://{_bracketed(settings.value(NODE_ADDRESS))}:{KUBELET_PORT}",
        verifies_kubelet=settings.value(KUBELET_TLS) == "verified",
    )
    bus = Bus(settings.following(AMQP_URL), "capsule collector", timeout_seconds=CONFIRM_TIMEOUT_SECONDS)
    pods = NodePods(api, settings.value(NODE))
    agent = Agent(pods, api, Events(bus).publish, settings.value(STATE), float(settings.value(COLLECTION_SECONDS)))
    await api.open()
    bus.open()
    tasks = [asyncio.create_task(pods.run(), name="pods"), asyncio.create_task(agent.run(), name="agent")]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tasks[1].cancel)
    try:
        with suppress(asyncio.CancelledError):
            await tasks[1]
    finally:
        tasks[0].cancel()
        await bus.close()
        await api.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings(os.environ)
    try:
        require_tls(settings)
        uvloop.run(collect(settings))
    except (InvalidSetting, MissingSetting) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
