"""Virtual hosts of a test's own, and a server that listens on the loopback only and keeps what it accepted."""

import time

import pika
import psutil
import pytest

from knative.machine import processes
from knative.machine.rabbitmq import RabbitMQ
from tests.servers import Brokers


def test_virtual_hosts_are_separate(rabbitmq: Brokers) -> None:
    one, two = (pika.BlockingConnection(pika.URLParameters(rabbitmq.vhost())) for _ in range(2))
    one.channel().queue_declare("mine")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        two.channel().queue_declare("mine", passive=True)
    one.close()
    two.close()


def test_everything_listens_on_loopback_and_survives_a_kill(own_rabbitmq: RabbitMQ) -> None:
    listening = {
        connection.laddr.ip
        for process in processes.leftovers(own_rabbitmq.home)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"} and "127.0.0.1" in listening

    connection = pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
    time.sleep(1)  # RabbitMQ 3.10 writes down where a new quorum queue lives every half second; a queue younger than that is lost by a kill
    channel.basic_publish("", "kept", b"accepted", pika.BasicProperties(delivery_mode=2))
    processes.end(processes.leftovers(own_rabbitmq.home), seconds=0)

    own_rabbitmq.start()
    channel = pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url)).channel()
    assert channel.basic_get("kept", auto_ack=True)[2] == b"accepted"


def test_a_taken_port_is_said_with_its_holder(own_rabbitmq: RabbitMQ) -> None:
    who = processes.holder(own_rabbitmq.home.ports.amqp)
    assert who and "beam.smp" in who
    assert processes.holder(own_rabbitmq.home.ports.gateway) is None
