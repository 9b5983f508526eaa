"""Rotation of passwords and keys: each step may be the last one before a crash, and every password that a process may have read is accepted."""

import io
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import psycopg
import pytest
from pika.exceptions import ProbableAuthenticationError
from rich.console import Console

from functions.runtime.security import encryption
from functions.runtime.security.encryption import new_private_keys, retiring_keys, rotated_private_keys, with_next_key
from knative.machine import keys, knative_credentials, postgres_roles, rabbitmq_users, secrets
from knative.machine.home import Home, Ports
from knative.machine.logins import User
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.rotation import command, key_sets, publication, records
from knative.machine.shared_secrets import FORMER_SECONDS, SharedSecret
from tests.proof import proof

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path, Ports(4000), {})
    home.create()
    return home


# -- what is stored -------------------------------------------------------------------------------------------------------------


def test_two_logins_alternate_and_each_rotation_has_a_new_password(home: Home) -> None:
    user = User(home, "auth", "auth-alternate", "rabbitmq-auth")
    first = user.current
    staged = user.stage()
    assert user.current == first, "nothing changes before the switch"
    user.switch()
    assert user.current == staged and (staged.name, user.other) == ("auth-alternate", "auth")
    again = user.stage()
    user.switch()
    assert user.current == again and again.name == "auth" and again.password not in (first.password, staged.password)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in home.secrets.iterdir())


def test_a_rotation_that_was_interrupted_before_the_switch_begins_again(home: Home) -> None:
    user = User(home, "auth", "auth-alternate", "rabbitmq-auth")
    first, lost = user.current, user.stage()
    second = user.stage()
    assert user.current == first and second.name == lost.name and second.password != lost.password


def test_the_verifier_of_a_shared_secret_knows_what_the_signer_uses_at_every_crash_point(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SharedSecret(home, "health-check")
    first = secret.current
    assert secret.accepted == (first,)
    secret.stage()
    first_again, following = secret.accepted
    assert secret.current == first_again == first
    secret.stage()
    assert secret.accepted == (first, following), "an interrupted rotation goes on with its value"

    deleted: list[str] = []
    monkeypatch.setattr(secrets, "delete", lambda home, name: deleted.append(name))  # the crash: after the switch, before the end
    secret.switch()
    monkeypatch.undo()
    assert deleted and secret.current == following and secret.accepted == (following, first)
    secret.switch()
    assert secret.current == following and secret.accepted == (following, first)
    secret.switch()
    assert secret.current == following, "without a next value there is nothing to switch to"

    former = home.secrets / "health-check.former"
    os.utime(former, (time.time() - FORMER_SECONDS - 1,) * 2)
    assert secret.accepted == (following,)


def test_a_rotation_is_recorded_with_who_and_when_and_a_repeated_one_keeps_its_time(home: Home) -> None:
    begun = records.begin(home, "sealing", NOW)
    assert records.read(home)["sealing"].is_interrupted
    assert records.begin(home, "sealing", NOW + timedelta(hours=1)).started_at == begun.started_at
    records.finish(home, begun, "4 keys")
    last = records.read(home)["sealing"]
    assert not last.is_interrupted and last.by and last.detail == "4 keys"
    assert records.begin(home, "sealing", NOW + timedelta(hours=2)).started == NOW + timedelta(hours=2)
    log = (home.log / records.LOG).read_text()
    assert [each in log for each in ("begins", "continues", "finished")] == [True] * 3 and len(log.splitlines()) == 4


def test_a_second_signing_rotation_is_refused_while_tokens_of_the_retiring_key_may_be_valid(home: Home) -> None:
    last = records.Record("signing", NOW.isoformat(), "ada", NOW.isoformat())
    with pytest.raises(Problem, match=r"5 minutes ago by ada.*10 minutes more") as refused:
        command.refuse_early(last, NOW + timedelta(minutes=5))
    assert "--force" in refused.value.remedy and "401" in refused.value.remedy
    command.refuse_early(last, NOW + timedelta(minutes=15))
    command.refuse_early(None, NOW)
    command.refuse_early(records.Record("signing", NOW.isoformat(), "ada"), NOW)  # an interrupted one goes on


def test_a_forced_rotation_is_a_new_one_and_one_that_changed_nothing_is_forgotten(home: Home) -> None:
    interrupted = records.begin(home, "signing", NOW)
    forced = records.begin(home, "signing", NOW + timedelta(minutes=1), is_new=True)
    assert forced.started_at != interrupted.started_at
    former = records.finish(home, forced, "done")
    records.restore(home, records.begin(home, "signing"), former)
    assert records.read(home)["signing"] == former
    records.restore(home, records.begin(home, "tls"), None)
    assert "tls" not in records.read(home)


def test_the_former_value_of_a_shared_secret_can_be_forgotten(home: Home) -> None:
    secret = SharedSecret(home, "shared")
    former = secret.current
    secret.stage()
    secret.switch()
    assert secret.accepted == (secret.current, former) and secret.current != former
    secret.forget_former()
    assert secret.accepted == (secret.current,)


def test_without_a_name_the_list_tells_the_age(home: Home) -> None:
    keys.signing_keys(home)
    records.finish(home, records.begin(home, "broker"), "")
    records.begin(home, "database")
    console = Console(width=120, record=True, file=io.StringIO())
    command.print_list(home, console, datetime.now(UTC) + timedelta(days=40))
    lines = {line.split()[0]: line for line in console.export_text().splitlines()}
    assert set(command.ROTATIONS) <= set(lines)
    assert "40 days" in lines["broker"] and "40 days" in lines["signing"] and "interrupted" in lines["database"]


def test_a_name_that_cannot_be_rotated_is_refused_with_the_names(home: Home) -> None:
    progress = command.Progress(Console(quiet=True))
    with pytest.raises(Problem) as refused:
        command.rotate(home, "coffee", progress)
    assert "stripe-webhook" in refused.value.remedy and "all" in refused.value.remedy
    with pytest.raises(Problem, match="--force is for signing, sealing"):
        command.rotate(home, "broker", progress, is_forced=True)
    with pytest.raises(Problem, match="does not run"):
        command.rotate(home, "broker", progress)


def test_a_forced_rotation_of_a_sealing_key_does_not_use_the_next_one() -> None:
    private = new_private_keys()
    known = {key["kid"] for key in private["keys"]}
    rotated = encryption.rotated_private_keys(encryption.with_next_key(private, is_fresh=True), NOW)
    assert encryption.public_key(rotated)["kid"] not in known
    assert list(encryption.retiring_keys(rotated)) == [private["keys"][0]["kid"]]


def test_a_sealing_key_retires_and_is_removed_when_nothing_needs_it() -> None:
    private = new_private_keys()
    current, following = (key["kid"] for key in private["keys"])
    rotated = rotated_private_keys(private, NOW)
    assert [key["kid"] for key in rotated["keys"]][::2] == [following, current] and retiring_keys(rotated) == {current: NOW}
    assert with_next_key(rotated) == rotated

    later = NOW + key_sets.QUEUES_KEEP + timedelta(seconds=1)
    assert key_sets.removable(retiring_keys(rotated), {}, NOW + timedelta(days=1)) == []
    assert key_sets.removable(retiring_keys(rotated), {current: 1}, later) == []
    assert key_sets.removable(retiring_keys(rotated), {current: 0}, later) == [current]


def test_a_set_of_a_former_version_gets_a_next_key_before_it_rotates() -> None:
    single = {"keys": new_private_keys()["keys"][:1]}
    completed = with_next_key(single)
    assert completed["keys"][0] == single["keys"][0] and len(completed["keys"]) == 2
    retired = {"keys": [single["keys"][0], {**new_private_keys()["keys"][0], "retiredAt": NOW.isoformat()}]}
    assert "retiredAt" not in with_next_key(retired)["keys"][1] and len(with_next_key(retired)["keys"]) == 3


# -- publication ----------------------------------------------------------------------------------------------------------------


def mount(home: Home, pod: str, volume: str, name: str, content: str) -> Path:
    folder = home.path / "knative" / "pods" / "capsule" / pod / "volumes" / volume
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    return folder / name


def test_publication_waits_until_no_process_reads_a_former_secret(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "PAUSE_SECONDS", 0.01)
    objects = keys.amqp_secrets(home)
    mount(home, "auth-login", "credentials", "CAPSULE_AMQP_URL", keys.user_amqp_url(home, "auth"))
    mount(home, "auth-login", "build", "jwks.json", "not a volume with keys")
    publication.wait_until_mounted(home, objects)

    late = mount(home, "billing-plans", "credentials", "CAPSULE_AMQP_URL", "amqp://billing:former@127.0.0.1")
    monkeypatch.setattr(publication, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(Problem, match="billing-plans"):
        publication.wait_until_mounted(home, objects)
    late.unlink()  # the pod has ended
    publication.wait_until_mounted(home, objects)


def test_the_one_machine_knative_reads_its_credentials_from_files(home: Home) -> None:
    from knative.local.settings import Settings

    knative_credentials.write_credentials(home)
    environment = {"CAPSULE_HOME": str(home.path), "CAPSULE_ROOT": str(knative_credentials.root(home))}
    settings = Settings.from_environment(environment)
    assert not isinstance(settings.amqp_url, str)
    assert settings.amqp_url() == keys.knative_amqp_url(home) and settings.health_check_keys() == (keys.health_check_key(home).current,)
    rabbitmq_users.user(home, "knative").stage()
    rabbitmq_users.user(home, "knative").switch()
    knative_credentials.write_credentials(home)
    assert settings.amqp_url() == keys.knative_amqp_url(home) and "knative-alternate" in settings.amqp_url()


# -- servers ---------------------------------------------------------------------------------------------------------------------


def accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        assert "authentication failed" in str(error) or "not permitted to log in" in str(error), error
        return False
    return True


def test_roles_of_a_context_rotate_and_open_connections_stay(own_postgres: PostgreSQL) -> None:
    home, database = own_postgres.home, lambda: own_postgres.database("auth")
    with psycopg.connect(database().owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE notes (note text)")
    former = database()
    with psycopg.connect(former.functions_url, autocommit=True) as open_connection, own_postgres.superuser() as superuser:
        for _ in range(3):
            before = database()
            postgres_roles.stage(superuser, home, "auth")
            assert accepts(before.functions_url) and accepts(before.reader_url), "what processes have read is accepted"
            postgres_roles.switch(home, "auth")
            assert accepts(before.functions_url) and accepts(database().functions_url) and accepts(database().reader_url)
            own_postgres.create_databases()  # `up` after a crash here
            assert accepts(before.functions_url) and accepts(database().functions_url)
            postgres_roles.close_former(superuser, home, "auth")
            assert not accepts(before.functions_url) and not accepts(before.reader_url)
            own_postgres.create_databases()
            assert not accepts(before.functions_url) and accepts(database().functions_url)
        postgres_roles.rotate_owner(superuser, home, "auth")
        assert not accepts(former.owner_url) and accepts(database().owner_url)
        open_connection.execute("INSERT INTO notes VALUES ('still here')")
    assert "auth_functions_alternate:" in database().functions_url
    with psycopg.connect(database().functions_url, autocommit=True) as functions:
        functions.execute("INSERT INTO notes VALUES ('with the other login')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            functions.execute("CREATE TABLE other (id int)")
    with psycopg.connect(database().reader_url, autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM notes").fetchone() == (2,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("INSERT INTO notes VALUES ('x')")
    for name in ("billing", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(database().functions_url.rsplit("/", 1)[0] + f"/{name}").close()


@proof("rotation")
def test_users_of_rabbitmq_rotate_and_open_connections_stay(own_rabbitmq: RabbitMQ) -> None:
    server, home = own_rabbitmq, own_rabbitmq.home
    up: Callable[[], object] = lambda: rabbitmq_users.apply(server, rabbitmq_users.accounts(home), former=rabbitmq_users.former_logins(home))  # noqa: E731
    up()
    open_connection = pika.BlockingConnection(pika.URLParameters(server.user_url("edge")))
    for _ in range(2):
        before = server.user_url("edge")
        staged = rabbitmq_users.stage_logins(home)
        rabbitmq_users.apply(server, [*rabbitmq_users.accounts(home), *staged])
        pika.BlockingConnection(pika.URLParameters(before)).close()
        rabbitmq_users.switch_logins(home)
        up()  # after a crash here
        for url in (before, server.user_url("edge")):
            pika.BlockingConnection(pika.URLParameters(url)).close()
        rabbitmq_users.close_former_logins(server, home)
        up()
        with pytest.raises(ProbableAuthenticationError):
            pika.BlockingConnection(pika.URLParameters(before))
        with pika.BlockingConnection(pika.URLParameters(server.user_url("edge"))) as connection:
            connection.channel().queue_declare(f"capsule.replies.{uuid.uuid4()}", exclusive=True)
        open_connection.process_data_events(time_limit=0.5)
        open_connection.channel().queue_declare(f"capsule.replies.{uuid.uuid4()}", exclusive=True)
    open_connection.close()
