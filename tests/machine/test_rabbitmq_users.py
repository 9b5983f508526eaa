"""RabbitMQ users: `up` creates them with exactly their permissions; on an external server it uses those that the operator names."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from knative.machine import installation_objects, keys, next_steps, rabbitmq_users, up
from knative.machine.home import AMQP_USERS, Home, Ports
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.rabbitmq_users import Account


@pytest.fixture(scope="module")
def server(emptied_rabbitmq: RabbitMQ) -> RabbitMQ:
    assert sorted(rabbitmq_users.apply(emptied_rabbitmq, rabbitmq_users.accounts(emptied_rabbitmq.home))) == sorted(
        (*AMQP_USERS, rabbitmq_users.KNATIVE)
    )
    return emptied_rabbitmq


def connection(server: RabbitMQ, user: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(server.user_url(user)))


def permissions(server: RabbitMQ) -> Any:
    return [server.management("GET", f"/api/{what}") for what in ("users", "permissions", "topic-permissions")]


def test_applying_twice_changes_nothing(server: RabbitMQ) -> None:
    before = permissions(server)
    assert rabbitmq_users.apply(server, rabbitmq_users.accounts(server.home)) == []
    assert permissions(server) == before
    assert {user["name"] for user in before[0]} == {"capsule", rabbitmq_users.KNATIVE, *AMQP_USERS}
    assert [user["name"] for user in before[0] if "administrator" in user["tags"]] == ["capsule"]


def test_users_and_permissions_that_are_no_longer_declared_are_removed(server: RabbitMQ) -> None:
    accounts = rabbitmq_users.accounts(server.home)
    before = permissions(server)
    auth = next(account for account in accounts if account.user.name == "auth")
    extended = replace(auth.user, configure="^own$", topics=(*auth.user.topics, replace(auth.user.topics[0], exchange="another", write="^.*$")))
    former = Account(replace(auth.user, name="former"), "x")
    others = [account for account in accounts if account is not auth]
    assert sorted(rabbitmq_users.apply(server, [Account(extended, auth.password), former, *others])) == ["auth", "former"]
    open_connection = connection(server, "auth")
    open_connection.channel().queue_declare("own")
    server.management("PUT", "/api/users/auth", {"password": "changed by hand", "tags": "administrator"})

    assert sorted(rabbitmq_users.apply(server, accounts)) == ["auth", "former"]
    assert [without_hash(each) for each in permissions(server)] == [without_hash(each) for each in before]
    with pytest.raises(pika.exceptions.AMQPError):  # RabbitMQ caches permissions per channel, so the connection is closed
        for _ in range(100):
            open_connection.process_data_events(time_limit=0.2)
    with pytest.raises(ChannelClosedByBroker), connection(server, "auth") as new_connection:
        new_connection.channel().queue_declare("own")
    server.management("DELETE", "/api/queues/%2F/own")


def without_hash(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the password hash, which has a random salt."""
    return sorted(({name: value for name, value in each.items() if name != "password_hash"} for each in found), key=str)


def test_users_that_the_operator_created_are_left_alone(server: RabbitMQ) -> None:
    server.management("PUT", "/api/users/integrator", {"password": "x", "tags": "monitoring"})
    server.management("PUT", "/api/permissions/%2F/integrator", {"configure": "^orders$", "write": "^orders$", "read": ".*"})
    assert rabbitmq_users.apply(server, rabbitmq_users.accounts(server.home)) == []
    assert server.management("GET", "/api/users/integrator")["tags"] == ["monitoring"]
    server.management("DELETE", "/api/users/integrator")


def test_each_secret_has_its_own_user(server: RabbitMQ) -> None:
    urls = {user: keys.user_amqp_url(server.home, user) for user in AMQP_USERS}
    assert urls == {user: server.user_url(user) for user in AMQP_USERS}
    assert len({pika.URLParameters(url).credentials.password for url in urls.values()} | {server.password}) == len(AMQP_USERS) + 1
    assert all(pika.URLParameters(url).credentials.password.isalnum() for url in urls.values())
    for user in AMQP_USERS:
        assert (server.home.secrets / f"rabbitmq-{user}.password").stat().st_mode & 0o777 == 0o600


# -- an external RabbitMQ -------------------------------------------------------------------------------------------------

SHARED = "amqp://shared:secret@rabbit.example:5672/%2F"


def home(path: Path, **environment: str) -> Home:
    return Home(path, Ports(3900), environment)


def test_an_external_server_is_used_as_the_users_that_the_operator_names(tmp_path: Path) -> None:
    own = "amqp://auth-external:p%40ss@rabbit.example:5672/%2F"
    state = home(tmp_path, CAPSULE_AMQP_URL=SHARED, CAPSULE_AUTH_AMQP_URL=own)
    assert keys.user_amqp_url(state, "auth") == own
    assert keys.user_amqp_url(state, "billing") == keys.knative_amqp_url(state) == SHARED
    secret = installation_objects.amqp_secret("auth", own)
    assert installation_objects.decoded(secret["data"]) == {
        "url": own,
        "username": "auth-external",
        "password": "p@ss",
    }
    warning = next_steps.shared_user(state.sharing_amqp_users)
    assert "is shared by billing, deploy, monitor, collector, edge, runtime, topology." in warning
    assert "CAPSULE_BILLING_AMQP_URL" in warning and "auth" not in warning.lower()
    assert home(tmp_path, CAPSULE_AMQP_URL=SHARED, **{f"CAPSULE_{user.upper()}_AMQP_URL": own for user in AMQP_USERS}).sharing_amqp_users == ()
    assert home(tmp_path).sharing_amqp_users == ()


def test_users_of_an_external_server_without_its_url_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="CAPSULE_EDGE_AMQP_URL without CAPSULE_AMQP_URL"):
        up.check(home(tmp_path, CAPSULE_EDGE_AMQP_URL=SHARED), Progress())
