"""What a login may open: as a real server says it, and through a real pooler."""

import psycopg
from psycopg.conninfo import make_conninfo

from knative.cluster.checks import databases
from knative.cluster.checks.connections import Room
from knative.machine.doctor.finding import Level
from tests.pgbouncer import running_pgbouncer
from tests.servers import Databases


def test_a_login_reads_the_limits_of_its_server_its_role_and_its_pooler(postgres: Databases) -> None:
    database = postgres.database("auth")
    with psycopg.connect(database.functions_url) as connection:
        room, role = Room.read(connection), connection.info.user
        row = connection.execute("SHOW max_connections").fetchone()
    assert row is not None and int(row[0]) - 10 < room.connections < int(row[0]) and not room.is_pooled and room.own is None

    address = databases.Address("auth", "auth-database/url", database.functions_url)
    rooms: list[tuple[str, str, Room]] = []
    assert databases.probe(address, rooms).level is Level.GOOD and rooms == [(address.server, "auth", room)]
    assert databases.probe(databases.Address("auth", "auth-database/reader", database.functions_url), rooms).level is Level.GOOD and len(rooms) == 1

    with running_pgbouncer(postgres.server) as port, psycopg.connect(make_conninfo(database.functions_url, port=port)) as connection:
        assert Room.read(connection).is_pooled
    assert role == "auth_functions"
