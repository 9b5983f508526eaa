"""Messages that need an operator, and the platform's own alerts. A server that cannot be reached has a row of its own."""

from uuid import UUID

import pika
import psycopg

from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from knative.machine.home import Home
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.status.row import Row, State, plural

PLATFORM = UUID(int=0)
"""The application id of alerts about the platform itself."""
OPEN_DEAD_LETTERS = "SELECT count(*), min(died_at)::timestamp(0)::text FROM dead_letters WHERE state = 'open'"
FIRING_ALERTS = "SELECT summary FROM alerts WHERE application_id = %s AND state = 'firing' ORDER BY id"


def unroutable(home: Home) -> Row:
    """Messages that belong to no function. They stay in a RabbitMQ queue until an operator removes them."""
    try:
        with pika.BlockingConnection(pika.URLParameters(RabbitMQ(home).url)) as connection:
            count: int = connection.channel().queue_declare(UNROUTABLE, passive=True).method.message_count
    except pika.exceptions.ChannelClosedByBroker:
        return Row("unroutable", State.IDLE, "not known yet")
    except (pika.exceptions.AMQPError, OSError):
        return Row("unroutable", State.IDLE, "RabbitMQ does not answer")
    if count:
        return Row("unroutable", State.BAD, plural(count, "message"), (f"in RabbitMQ's queue {UNROUTABLE}",))
    return Row("unroutable", State.GOOD, "none")


def dead_letters(home: Home) -> Row:
    """Open dead letters in the databases on this machine."""
    counts, details = [], []
    for context in home.local_contexts:
        try:
            with PostgreSQL(home).superuser(context) as connection:
                row = connection.execute(OPEN_DEAD_LETTERS).fetchone()
        except psycopg.Error:
            return Row("dead letters", State.IDLE, "not known yet")
        if row and row[0]:
            counts.append(f"{row[0]} in {context}")
            details.append(f"since {row[1]} UTC: GET /v1/operations/{context}/dead-letters")
    if counts:
        return Row("dead letters", State.BAD, ", ".join(counts), tuple(details))
    return Row("dead letters", State.GOOD, "none")


def alerts(home: Home) -> Row:
    """Firing alerts about the platform itself."""
    if "monitor" not in home.local_contexts:
        return Row("alerts", State.IDLE, "in an external database")
    try:
        with PostgreSQL(home).superuser("monitor") as connection:
            summaries = [row[0] for row in connection.execute(FIRING_ALERTS, [PLATFORM]).fetchall()]
    except psycopg.Error:
        return Row("alerts", State.IDLE, "not known yet")
    if summaries:
        return Row("alerts", State.BAD, f"{len(summaries)} firing", tuple(summaries))
    return Row("alerts", State.GOOD, "none")
