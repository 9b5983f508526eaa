"""Read the triggers of ScaledObjects: the length of a queue in PostgreSQL, Redis or RabbitMQ, or as the application reports it over HTTP.

A query runs with the tenant's own login, on the server of the data services only: another address would let a tenant reach what this process
reaches. PostgreSQL makes one number of its result, so an answer is never large, and ends it after TIMEOUT_SECONDS. Redis and RabbitMQ may be
elsewhere (`destinations`).

Sources: KEDA 2.18, TriggerAuthentication, scalers PostgreSQL, Redis, RabbitMQ and Metrics API.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.destinations import Destinations
from knative.local.autoscaling.rabbitmq_queues import count_waiting
from knative.local.autoscaling.redis_queues import RedisConnection, RedisQueues, RedisServices, length_command
from knative.local.objects import Object
from knative.local.serving.naming import POSTGRES_PORT
from knative.local.serving.pods.environment import MissingReference, resolve, secret_data
from knative.local.serving.routing import Services, Unavailable
from knative.local.settings import LOOPBACK
from knative.local.store import Store

TRIGGER_AUTHENTICATION = "TriggerAuthentication.keda.sh"
TIMEOUT_SECONDS = 10
MAX_ANSWER_BYTES = 1 << 16
INTERNAL_DOMAIN = ".svc.cluster.local"
MAX_PROBLEM_LENGTH = 300
FIRST_NUMBER = "SELECT ((xpath('//row/*/text()', query_to_xml(%s, false, false, '')))[1])::text::double precision"
"""The query is a parameter, runs read-only (SPI_execute), and whatever it returns, one number arrives here."""


class Triggers:
    """`services_port`: of this machine, where databases of applications are reached, whichever server has them. `redis`: its Redis services."""

    def __init__(self, store: Store, services: Services, services_port: int, redis: RedisServices, destinations: Destinations) -> None:
        self._store, self._services, self._services_port = store, services, services_port
        self._redis, self._destinations = RedisQueues(redis, destinations), destinations

    async def read(self, trigger: Mapping[str, Any], deployment: Object) -> float:
        """Return the value of a trigger. `deployment`: what it scales. Raises MetricUnavailable."""
        details = trigger["metadata"]
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                match trigger["type"]:
                    case "postgresql":
                        return await self._query(self._variable(deployment, details["connectionFromEnv"]), details["query"])
                    case "redis" | "redis-streams":
                        parameters = self._parameters(deployment["metadata"]["namespace"], trigger)
                        connection = RedisConnection.of(parameters, details.get("databaseIndex", "0"))
                        return await self._redis.length(connection, length_command(details))
                    case "rabbitmq":
                        return await count_waiting(self._variable(deployment, details["hostFromEnv"]), details["queueName"], self._destinations)
                return await self._request(deployment["metadata"]["namespace"], details["url"], details["valueLocation"])
        except TimeoutError:
            raise MetricUnavailable(f"{trigger['type']}: no answer within {TIMEOUT_SECONDS} s") from None

    def _parameters(self, namespace: str, trigger: Mapping[str, Any]) -> dict[str, str]:
        """Return what the TriggerAuthentication of a trigger reads from Secrets. A Secret or key that is missing is left out, as in KEDA."""
        reference = trigger.get("authenticationRef")
        if reference is None:
            return {}
        authentication = self._store.find(TRIGGER_AUTHENTICATION, namespace, reference["name"])
        if authentication is None:
            raise MetricUnavailable(f"{trigger['type']}: there is no TriggerAuthentication {reference['name']}")
        values: dict[str, str] = {}
        for each in authentication["spec"].get("secretTargetRef") or ():
            secret = self._store.find("Secret", namespace, each["name"])
            data = secret_data(secret) if secret is not None else {}
            if each["key"] in data:
                values[each["parameter"]] = data[each["key"]].decode()
        return values

    def _variable(self, deployment: Object, name: str) -> str:
        namespace, template = deployment["metadata"]["namespace"], deployment["spec"]["template"]
        pod = {**template, "metadata": {**(template.get("metadata") or {}), "name": deployment["metadata"]["name"], "namespace": namespace}}
        try:
            variables = resolve(template["spec"]["containers"][0], pod, lambda kind, object: self._store.find(kind, namespace, object), {})
        except MissingReference as missing:
            raise MetricUnavailable(str(missing)) from missing
        if not variables.get(name):
            raise MetricUnavailable(f"the variable {name} is not set; a bound data service sets it: capsule services bind")
        return variables[name]

    async def _query(self, url: str, query: str) -> float:
        import psycopg  # loaded by machines with a queue only

        address = urlsplit(url)
        try:
            port = address.port or POSTGRES_PORT
        except ValueError:
            port = 0
        if address.scheme not in ("postgresql", "postgres") or (address.hostname, port) != (LOOPBACK, POSTGRES_PORT):
            raise MetricUnavailable(
                "postgresql: on one machine a queue is read from a data service of Capsule only, and the variable has another URL"
            )
        try:
            async with await psycopg.AsyncConnection.connect(
                host=LOOPBACK,
                port=self._services_port,
                user=unquote(address.username or ""),
                password=unquote(address.password or ""),
                dbname=unquote(address.path.lstrip("/")),
                connect_timeout=TIMEOUT_SECONDS,
                autocommit=True,
                application_name="capsule autoscaling",
            ) as connection:
                await connection.execute("SELECT set_config('statement_timeout', %s, false)", (f"{TIMEOUT_SECONDS}s",))
                row = await (await connection.execute(FIRST_NUMBER, (query.rstrip().rstrip(";"),))).fetchone()
        except psycopg.Error as error:
            raise MetricUnavailable(f"postgresql: {_first_line(error)}") from error
        if row is None or row[0] is None:
            raise MetricUnavailable("postgresql: the query returns no number")
        return float(row[0])

    async def _request(self, namespace: str, url: str, location: str) -> float:
        address = urlsplit(url)
        host = address.hostname or ""
        service, _, rest = host.removesuffix(INTERNAL_DOMAIN).partition(".")
        if not host.endswith(INTERNAL_DOMAIN) or rest != namespace:
            raise MetricUnavailable(f"metrics-api: on one machine the URL leads to a Service of the same namespace, not to {host}")
        path = address.path + (f"?{address.query}" if address.query else "")
        try:
            response = await self._services.request(namespace, service, "GET", path or "/", {"accept": "application/json"}, b"", TIMEOUT_SECONDS)
        except (Unavailable, ConnectionError) as error:
            raise MetricUnavailable(f"metrics-api: {_first_line(error)}") from error
        if response.status != 200:
            raise MetricUnavailable(f"metrics-api: {address.path} answered {response.status}")
        return _value_at(response.body, location)


def _value_at(body: bytes, location: str) -> float:
    """Return the number at a path of names and indexes, as gjson reads it."""
    if len(body) > MAX_ANSWER_BYTES:
        raise MetricUnavailable(f"metrics-api: the answer is larger than {MAX_ANSWER_BYTES >> 10} KiB")
    try:
        value = orjson.loads(body)
        for step in location.split("."):
            value = value[int(step)] if isinstance(value, list) else value[step]
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError
        return float(value)
    except (ValueError, KeyError, IndexError, TypeError):
        raise MetricUnavailable(f'metrics-api: the answer has no number at "{location}"') from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:MAX_PROBLEM_LENGTH]
