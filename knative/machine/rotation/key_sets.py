"""Rotate the keys that sign access tokens, and the keys that seal secret fields.

Both kinds of key sets hold the next key already, so that a rotation changes one file: the next key becomes current, everywhere at its own time.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from functions.runtime.config.registry import wiring_of
from functions.runtime.security import encryption, tokens
from knative.machine import keys, secrets
from knative.machine.cluster import Cluster
from knative.machine.home import CONTEXTS, Home
from knative.machine.rotation.publication import publish

ROTATED_AT = "rotatedAt"
"""Member of a stored signing set: the rotation that made it. A repeated one does not rotate twice."""
QUEUES_KEEP = timedelta(days=7)
"""How long a retiring sealing key stays at least: for messages that wait in queues. The inbox answers repeated commands as long."""
BODIES = ("dead_letters", "outbox", "parked")
"""Tables with bodies of messages, which may hold sealed fields. They stay as they are."""


def rotate_signing(home: Home, cluster: Cluster, started_at: str, *, is_forced: bool) -> str:
    """The next key signs from now on. Returns a summary.

    `is_forced`: two fresh keys take the place of all, because whoever knows the set knows its next key too.
    """
    private = keys.signing_keys(home)
    if is_forced and private.get(ROTATED_AT) != started_at:
        private = tokens.with_fresh_keys(private)
        secrets.store(home, keys.SIGNING, json.dumps(private))
    publish(home, cluster, keys.signing_objects(home))  # every process has the key that will sign
    if private.get(ROTATED_AT) != started_at:
        rotated = tokens.rotated_signing_jwks(private, is_forced=is_forced) | {ROTATED_AT: started_at}
        secrets.store(home, keys.SIGNING, json.dumps(rotated))
    publish(home, cluster, keys.signing_objects(home))
    kid = tokens.current_signing_key(keys.signing_keys(home))["kid"]
    return f"key {kid[:12]} signs{'; all former ones were removed' if is_forced else ''}"


def rotate_sealing(home: Home, cluster: Cluster, started_at: str, now: datetime | None = None, *, is_forced: bool = False) -> str:
    """Senders use the next key of each context from now on; unused retiring keys are removed. Returns a summary.

    `is_forced`: a fresh key takes the place of the next one, because whoever knows the set knows it.
    """
    for context in CONTEXTS:
        private = keys.sealing_keys(home, context)
        is_rotated = datetime.fromisoformat(started_at) in encryption.retiring_keys(private).values()
        _store(home, context, encryption.with_next_key(private, is_fresh=is_forced and not is_rotated))
    publish(home, cluster, keys.sealing_objects(home))  # every process has the next key
    now = now or datetime.now(UTC)
    removed = 0
    for context in CONTEXTS:
        private = keys.sealing_keys(home, context)
        if datetime.fromisoformat(started_at) not in encryption.retiring_keys(private).values():
            private = encryption.rotated_private_keys(private, datetime.fromisoformat(started_at))
        for kid in removable(encryption.retiring_keys(private), uses(home, context), now):
            private, removed = encryption.without_key(private, kid), removed + 1
        _store(home, context, private)
    publish(home, cluster, keys.sealing_objects(home))
    return f"{len(CONTEXTS)} keys, {removed} former ones removed"


def removable(retiring: Mapping[str, datetime], uses: Mapping[str, int], now: datetime) -> list[str]:
    """Ids of retiring keys that nothing needs: no queue, because they retired long ago, and no row of the database."""
    return [kid for kid, since in retiring.items() if now - since > QUEUES_KEEP and not uses.get(kid)]


def uses(home: Home, context: str) -> dict[str, int]:
    """How many stored secrets and messages of a context's database need each of its retiring keys. Read as the owner."""
    wiring = wiring_of(context)
    retiring = encryption.retiring_keys(keys.sealing_keys(home, context))
    if not retiring:
        return {}
    columns = [sql.SQL("SELECT {} FROM {}").format(sql.Identifier(each.name), sql.Identifier(each.table)) for each in wiring.sealed]
    columns += [sql.SQL("SELECT encode(body, 'escape') FROM {}").format(sql.Identifier(table)) for table in BODIES]
    count = sql.SQL("SELECT count(*) FROM ({}) AS stored (text) WHERE text LIKE %s").format(sql.SQL(" UNION ALL ").join(columns))
    with psycopg.connect(keys.migration_url(home, context), connect_timeout=5) as connection:
        return {kid: row[0] for kid in retiring for row in connection.execute(count, [f"%{encryption.PREFIX}:{kid}:%"])}


def _store(home: Home, context: str, private: keys.Object) -> None:
    if private != keys.sealing_keys(home, context):
        secrets.store(home, keys.SEALING.format(context=context), json.dumps(private))
