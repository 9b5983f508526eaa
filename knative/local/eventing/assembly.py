"""Wire eventing: one process, one connection to RabbitMQ, a channel for each Trigger."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from functions.wire.amqp.connection import Address
from knative.local.controller import Reconciler, Runnable
from knative.local.eventing.apiserver import ApiServerSources
from knative.local.eventing.broker import BrokerReconciler
from knative.local.eventing.collector import Collector, CollectorConfig
from knative.local.eventing.dispatchers import Dispatchers
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.ping import PingSources
from knative.local.eventing.rabbit import RabbitMQ
from knative.local.eventing.sinks import Services, Sinks
from knative.local.eventing.topology import Topology
from knative.local.eventing.trigger import TriggerReconciler
from knative.local.store import Store
from knative.local.variables import DISPATCHER_STOP

DEAD_LETTER = "dead-letter"


@dataclass(frozen=True)
class Eventing:
    """`runnables`: to start in this order and to stop in the reverse one. `collector`: for serving.

    `dispatchers`: one more, which stops before the functions that it delivers to."""

    rabbit: RabbitMQ
    topology: Topology
    runnables: tuple[Runnable, ...]
    reconcilers: tuple[Reconciler, ...]
    brokers: Brokers
    collector: Collector
    pings: PingSources
    dispatchers: Dispatchers


def assemble(
    store: Store,
    amqp_url: Address,
    services: Services,
    environment: Mapping[str, str] = os.environ,
    is_consumed: Callable[[str, str], bool] = lambda namespace, service: False,
    mark_file: Path | None = None,
) -> Eventing:
    """Create eventing. `is_consumed`: whether the pods of a Service consume the queues of its Triggers themselves. `mark_file`: see Topology."""
    rabbit = RabbitMQ(amqp_url)
    topology = Topology(store, rabbit, mark_file)
    brokers = Brokers(rabbit)
    sinks = Sinks(store, services, brokers)
    dispatchers = Dispatchers(rabbit, sinks, brokers, topology, DISPATCHER_STOP.read(environment) == DEAD_LETTER, is_consumed)
    pings = PingSources(store, sinks)
    apiserver_sources = ApiServerSources(store, sinks)
    collector = Collector(brokers)
    return Eventing(
        rabbit=rabbit,
        topology=topology,
        runnables=(rabbit, topology, sinks, collector, pings, apiserver_sources),
        reconcilers=(
            *topology.reconcilers,
            BrokerReconciler(store, brokers, sinks, dispatchers),
            TriggerReconciler(store, sinks, dispatchers),
            pings,
            apiserver_sources,
            CollectorConfig(collector),
        ),
        brokers=brokers,
        collector=collector,
        pings=pings,
        dispatchers=dispatchers,
    )
