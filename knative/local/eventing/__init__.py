"""Eventing on one machine: Brokers and Triggers over a real RabbitMQ, PingSources, ApiServerSources, the collector.

The rules are in dispatch.py, without a transport. Around it: rabbit.py (the connection), topology.py (what the topology operator is on a
cluster), broker.py and trigger.py (what eventing-rabbitmq's controllers are), dispatcher.py (its dispatcher pods), ingress.py (its
ingress pods), sources beside them. One process for all of it, one connection, a channel for each Trigger.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from knative.local.controller import Runnable, Reconciler
from knative.local.eventing.apiserver import ApiServerSources
from knative.local.eventing.broker import BrokerReconciler
from knative.local.eventing.collector import Collector, CollectorConfig
from knative.local.eventing.dispatchers import Dispatchers
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.ping import PingSources
from knative.local.eventing.rabbit import Rabbit
from knative.local.eventing.sinks import Services, Sinks
from knative.local.eventing.topology import Topology
from knative.local.eventing.trigger import TriggerReconciler
from knative.local.store import Store

STOP = "CAPSULE_DISPATCHER_STOP"
AS_CLUSTER = "dead-letter"


@dataclass(frozen=True)
class Eventing:
    """What the process needs of eventing: the parts to start in this order (and to stop in the other), the reconcilers to run, the
    front door for the ingress, the collector and the dispatchers for serving."""

    parts: tuple[Runnable, ...]
    reconcilers: tuple[Reconciler, ...]
    brokers: Brokers
    collector: Collector
    pings: PingSources
    dispatchers: Dispatchers


def eventing(
    store: Store,
    amqp_url: str,
    services: Services,
    environment: Mapping[str, str] = os.environ,
    consuming: Callable[[str, str], bool] = lambda namespace, service: False,
) -> Eventing:
    """`consuming`: the pods of that Service take its messages from their queue themselves."""
    rabbit = Rabbit(amqp_url)
    topology = Topology(store, rabbit)
    brokers = Brokers(rabbit)
    sinks = Sinks(store, services, brokers)
    dispatchers = Dispatchers(rabbit, sinks, brokers, topology, environment.get(STOP) == AS_CLUSTER, consuming)
    pings = PingSources(store, sinks)
    watches = ApiServerSources(store, sinks)
    collector = Collector(brokers)
    return Eventing(
        parts=(rabbit, topology, sinks, collector, dispatchers, pings, watches),
        reconcilers=(
            *topology.reconcilers,
            BrokerReconciler(store, brokers, sinks, dispatchers),
            TriggerReconciler(store, sinks, dispatchers),
            pings,
            watches,
            CollectorConfig(collector),
        ),
        brokers=brokers,
        collector=collector,
        pings=pings,
        dispatchers=dispatchers,
    )
