"""Where the length of a queue is read: a SQL query, a list or stream of Redis, a queue of RabbitMQ, or the answer of the application."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

from functions.kernel import FieldError

MAX_QUERY_LENGTH = 2000
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
PATH = re.compile(r"/[!-~]{0,499}")
VALUE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,9}")
KEY = re.compile(r"[!-~]{1,200}")
QUEUE_NAME = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")
DATABASE_URL, REDIS_URL, AMQP_URL = "DATABASE_URL", "REDIS_URL", "AMQP_URL"
COMPANIONS = {
    "query": ("variable",),
    "path": ("value",),
    "redis_list": ("variable",),
    "redis_stream": ("variable", "consumer_group"),
    "rabbitmq_queue": ("variable",),
}
"""Field that says what is read → fields that may stand beside it."""
DEFAULT_VARIABLES = {"query": DATABASE_URL, "redis_list": REDIS_URL, "redis_stream": REDIS_URL, "rabbitmq_queue": AMQP_URL}
POINTERS = {"redis_list": "redisList", "redis_stream": "redisStream", "consumer_group": "consumerGroup", "rabbitmq_queue": "rabbitmqQueue"}
PATTERNS = {
    "variable": (VARIABLE, "the name of the variable with the server's URL, such as DATABASE_URL"),
    "path": (PATH, "a path of the application, such as /queue"),
    "value": (VALUE, "where the number is in the JSON answer, such as queues.default"),
    "redis_list": (KEY, "the key of a list, such as celery: up to 200 characters without spaces"),
    "redis_stream": (KEY, "the key of a stream: up to 200 characters without spaces"),
    "consumer_group": (KEY, "the name of a consumer group: up to 200 characters without spaces"),
    "rabbitmq_queue": (QUEUE_NAME, "the name of a queue: up to 255 characters"),
}


@dataclass(frozen=True, slots=True)
class QueueSource:
    """One of `query`, `path`, `redis_list`, `redis_stream` and `rabbitmq_queue` is set. Use `parse`, which checks."""

    query: str | None = None
    """SQL that returns one number."""
    variable: str | None = None
    """The variable with the URL of the server."""
    path: str | None = None
    """Of the application, which answers with JSON."""
    value: str | None = None
    """Where the number is in that JSON: names and indexes between dots."""
    redis_list: str | None = None
    """Key of a list; a set, sorted set or hash counts by its members."""
    redis_stream: str | None = None
    consumer_group: str | None = None
    """Of the stream: what the group has not read yet counts. None: all entries of the stream."""
    rabbitmq_queue: str | None = None

    @property
    def is_redis(self) -> bool:
        return self.redis_list is not None or self.redis_stream is not None

    def errors(self) -> Iterator[FieldError]:
        stated = self.as_json()
        found = [name for name in COMPANIONS if name in stated]
        if len(found) != 1:
            detail = "a queue is read in one way: give one of query, path, redisList, redisStream and rabbitmqQueue"
            yield FieldError(f"/{POINTERS.get(found[1], found[1]) if found else 'query'}", detail)
            return
        (source,) = found
        for name in stated:
            if name != source and name not in COMPANIONS[source]:
                pointer = POINTERS.get(name, name)
                yield FieldError(f"/{pointer}", f"{pointer} does not belong to {POINTERS.get(source, source)}")
            elif name in PATTERNS and not PATTERNS[name][0].fullmatch(stated[name]):
                yield FieldError(f"/{POINTERS.get(name, name)}", PATTERNS[name][1])
        if source == "query" and not _is_statement(stated["query"]):
            yield FieldError("/query", f"one SQL statement that returns one number, of at most {MAX_QUERY_LENGTH} characters")
        if source == "path" and "value" not in stated:
            yield FieldError("/value", PATTERNS["value"][1])

    def with_default_variable(self) -> Self:
        source = next((name for name in DEFAULT_VARIABLES if getattr(self, name) is not None), None)
        if source is None or self.variable is not None:
            return self
        return type(self)(**{**self.as_json(), "variable": DEFAULT_VARIABLES[source]})

    def as_json(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def _is_statement(query: str) -> bool:
    return bool(query.strip()) and len(query) <= MAX_QUERY_LENGTH and "\0" not in query and ";" not in query.rstrip().rstrip(";")
