"""The local RabbitMQ: separate virtual hosts, loopback only, durable after a kill."""

import time

import pika
import psutil
import pytest

from knative.machine import leftovers, processes
from knative.machine.rabbitmq import RabbitMQ
from tests.proof import proof
from tests.servers import Brokers


def test_virtual_hosts_are_separate(rabbitmq: Brokers) -> None:
    one, two = (pika.BlockingConnection(pika.URLParameters(rabbitmq.vhost())) for _ in range(2))
    one.channel().queue_declare("mine")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        two.channel().queue_declare("mine", passive=True)
    one.close()
    two.close()


@proof("recovery")
def test_the_server_listens_on_loopback_and_keeps_messages_after_a_kill(own_rabbitmq: RabbitMQ) -> None:
    listening = {
        connection.laddr.ip
        for process in leftovers.find_leftovers(own_rabbitmq.home)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"} and "127.0.0.1" in listening

    connection = pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("durable", durable=True, arguments={"x-queue-type": "quorum"})
    time.sleep(1)  # RabbitMQ 3.10 stores the location of a new quorum queue within half a second; a kill before that loses the queue
    channel.basic_publish("", "durable", b"accepted", pika.BasicProperties(delivery_mode=2))
    processes.terminate(leftovers.find_leftovers(own_rabbitmq.home), timeout_seconds=0)

    own_rabbitmq.start()
    channel = pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url)).channel()
    assert channel.basic_get("durable", auto_ack=True)[2] == b"accepted"


def test_the_process_that_holds_a_port_is_found(rabbitmq: Brokers) -> None:
    home = rabbitmq.server.home
    holder = processes.find_port_holder(home.ports.amqp)
    assert holder and "beam.smp" in holder
    assert processes.find_port_holder(home.ports.gateway) is None


@proof("recovery")
def test_rabbitmq_starts_after_a_kill_with_a_torn_cookie_and_an_epmd_that_is_not_recorded(own_rabbitmq: RabbitMQ) -> None:
    server = processes.find_running(own_rabbitmq.home, "rabbitmq")
    assert server is not None
    server.kill()
    processes.record_path(own_rabbitmq.home, "epmd").unlink()
    cookie = own_rabbitmq.data / ".erlang.cookie"
    cookie.chmod(0o600)
    cookie.write_text("")
    own_rabbitmq.start()
    assert own_rabbitmq.management("GET", "/api/whoami")["name"] == "capsule"
    assert processes.wait_until_ended([server], 0) == []


@proof("recovery")
def test_sigterm_ends_the_applications_before_the_vm_and_loses_no_message(own_rabbitmq: RabbitMQ) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url))
    channel = connection.channel()
    channel.confirm_delivery()
    for kind in ("classic", "quorum"):
        channel.queue_declare(f"kept-{kind}", durable=True, arguments={"x-queue-type": kind})
        channel.basic_publish("", f"kept-{kind}", b"accepted", pika.BasicProperties(delivery_mode=2))
    process_file = own_rabbitmq.data / "mnesia" / f"{own_rabbitmq.node}.pid"
    time.sleep(1)  # the VM evaluates the script a moment after the management API answers; before that it stops by itself
    assert own_rabbitmq.stop()
    assert process_file.exists(), "the VM deletes it when it stops by itself"

    own_rabbitmq.start()
    channel = pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url)).channel()
    for kind in ("classic", "quorum"):
        assert channel.basic_get(f"kept-{kind}", auto_ack=True)[2] == b"accepted"
