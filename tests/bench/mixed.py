"""The specification's mixed load: 70 % reads, 30 % writes, each request another of 10,000 users.

A read is GET /v1/users/me, uncached. A write is POST /v1/apps, whose event is handled in another context. The time of a message is that from the
commit of the command to the commit of its effect in the other context; PostgreSQL records both.
"""

import time
from uuid import uuid4

import psycopg

from knative.machine.postgres import PostgreSQL
from tests.bench import load
from tests.bench.load import Missing
from tests.bench.meter import Meter, Numbers, drained, rates
from tests.bench.peers import Peer
from tests.bench.rows import WARM_UP_SECONDS
from tests.bench.systems import Capsule, System, until

DRAIN_SECONDS = 120
AT = "extract(epoch FROM pg_xact_commit_timestamp(xmin))"
APPLICATIONS_SQL = f"SELECT id::text, {AT} FROM applications WHERE {AT} >= %s"
PEER_SQL = f"""
WITH created AS (
    SELECT DISTINCT ON (user_id) user_id, {AT} AS at FROM apps WHERE created_at >= to_timestamp(%s) - interval '1 second' ORDER BY user_id, 2 DESC
), handled AS (SELECT id, {AT} AS at FROM users)
SELECT avg(handled.at - created.at) FROM created JOIN handled ON handled.id = created.user_id WHERE handled.at >= created.at AND created.at >= %s
"""


def mixed(system: System, capsule: Capsule, seconds: float) -> Numbers:
    """Requests per second, latencies in ms, and `message`: the mean time of a message in ms."""
    find_drained = drained(system)
    load.wrk("MIXED", system.url, "/v1/users/me", system.tokens, WARM_UP_SECONDS, prefix=f"w{uuid4().hex[:10]}")
    until(find_drained, DRAIN_SECONDS, f"for all effects of {system.name}")
    meter, since = Meter(system, capsule), time.time()
    result = load.wrk("MIXED", system.url, "/v1/users/me", system.tokens, seconds, prefix=f"m{uuid4().hex[:10]}")
    until(find_drained, DRAIN_SECONDS, f"for all effects of {system.name}")
    message_seconds = _of_peer(system, since) if isinstance(system, Peer) else _of_capsule(system, since)
    return {**rates(result), "message": message_seconds * 1000, **meter.per_item(result.requests)}


def _of_capsule(system: System, since: float) -> float:
    assert isinstance(system, Capsule)
    found: list[dict[str, float]] = []
    for context in ("deploy", "monitor"):
        with psycopg.connect(PostgreSQL(system.home).database(context).functions_url) as connection:
            found.append({row[0]: float(row[1]) for row in connection.execute(APPLICATIONS_SQL, [since])})
    created, handled = found
    times = [handled[each] - at for each, at in created.items() if each in handled]
    if not times:
        raise Missing(f"{system.name} handled no event")
    return sum(times) / len(times)


def _of_peer(peer: Peer, since: float) -> float:
    """A peer's effect is an update of the user's row, so only the last application of each user counts."""
    with psycopg.connect(peer.database) as connection:
        row = connection.execute(PEER_SQL, [since, since]).fetchone()
    if row is None or row[0] is None:
        raise Missing(f"{peer.name} handled no event")
    return float(row[0])
