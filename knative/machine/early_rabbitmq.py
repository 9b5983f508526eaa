"""RabbitMQ's launch at the begin of an `up`, before `up` itself is imported.

RabbitMQ's start is the longest part of an `up` after a `down`, most of it Erlang's on one core. The imports of `up` take a second of CPU of the other
one. This module and what it imports take a fifth of that.

Where `up` must check, create or install something first, nothing is launched here, and `up` does it in its turn and reports what is wrong.
"""

from functions.wire.settings import InvalidSetting
from knative.machine import stops
from knative.machine.held_front import has_served
from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.server_variables import TLS
from knative.machine.state_lock import try_lock


def may_start_beside(home: Home) -> bool:
    """Whether RabbitMQ and the one-machine Knative may start at the same time: Knative consumes queues when RabbitMQ is ready.

    Not at the first time, when RabbitMQ's users do not exist, and not in place of a process that serves, which ends only when everything that its
    successor needs is there.
    """
    return not home.external_amqp_url and has_served(home) and not stops.KNATIVE.is_running(home)


def launch_early(home: Home) -> bool:
    """Launch RabbitMQ, if an `up` may begin with it. Returns whether it was launched: the caller stops it if `up` refuses to start.

    Another command that holds the lock of the state folder goes first.
    """
    try:
        with try_lock(home) as has_lock:
            if not has_lock or home.restoring.exists() or TLS.read(home.environment) or not may_start_beside(home):
                return False
            server = RabbitMQ(home)
            if server.is_running():
                return False
            server.launch()
            return True
    except (Problem, InvalidSetting, OSError):
        return False  # `up` finds the same, beside everything else that it checks
