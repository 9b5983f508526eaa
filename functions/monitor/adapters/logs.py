"""Log lines over PostgreSQL: a hot table without indexes, and the partitions into which its lines move when they are closed.

`hot_log_lines` receives lines by COPY. `close` moves the oldest of them into `log_lines`, sorted by application, and gives each
run of an application's lines a row of `log_blocks`, with the filter by which searches pass it over (`domain/log_index.py`).
Every line is in one of the two tables, so a statement over both sees each line once, whatever is moved meanwhile.
"""

from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Composed, Placeholder

from functions.monitor.adapters.copy_format import NULL, escaped
from functions.monitor.domain.log_index import NUMBER, block_filter, probes
from functions.monitor.domain.logs import CLOSE_AFTER, LogFilter, LogLine, StoredLine
from functions.monitor.domain.search import Condition
from functions.runtime.storage.database import Database

LINE = "position, at, environment, deployment_id, component, pod, container, stream, line, service, process"
COPY = "COPY hot_log_lines (at, application_id, environment, deployment_id, component, pod, container, stream, line, service, process) FROM STDIN"
CLOSED_LINES, CLOSED_BYTES = 20_000, 16 << 20
"""That one transaction moves, at most."""
BLOCK_BYTES = 128 << 10
"""Of a block's lines, each with 256 bytes for its other columns: about 300 lines."""
LOCK_ADDING: LiteralString = "SELECT pg_advisory_xact_lock(1, 0)"
LOCK_CLOSING: LiteralString = "SELECT pg_advisory_xact_lock(1, 1)"
SEPARATOR = "\x1e"

_OLDEST = """
    SELECT max(position) FILTER (WHERE bytes <= %(bytes)s OR number = 1), count(*) FROM (
        SELECT position, sum(octet_length(line)) OVER (ORDER BY position) AS bytes, row_number() OVER (ORDER BY position) AS number
        FROM (SELECT position, line FROM hot_log_lines ORDER BY position LIMIT %(lines)s) AS oldest
    ) AS counted
"""
_BLOCKS = """
    SELECT application_id, min(position), max(position), min(at), max(at), string_agg(replace(line, %(separator)s, ' '), %(separator)s)
    FROM (
        SELECT *, sum(octet_length(line) + 256) OVER (PARTITION BY application_id ORDER BY position) / %(block)s AS block
        FROM hot_log_lines WHERE position <= %(last)s
    ) AS lines GROUP BY application_id, block
"""
_MOVE = """
    WITH moved AS (DELETE FROM hot_log_lines WHERE position <= %s RETURNING *)
    INSERT INTO log_lines SELECT * FROM moved ORDER BY application_id, position
"""


class PostgresLogs:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, lines: Sequence[LogLine]) -> bool:
        """One batch at a time until its commit: positions then rise in the order of commits, and no reader passes by a line that is yet to appear."""
        if not lines:
            return False
        connection = self._database.connection
        await connection.execute(LOCK_ADDING)
        async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            await copy.write("".join(map(_row, lines)))
        requested = await connection.execute(
            """
            UPDATE log_closing SET requested_position = currval('log_positions') WHERE currval('log_positions') - requested_position >= %s
            """,
            (CLOSE_AFTER,),
        )
        return requested.rowcount == 1

    async def close(self) -> bool:
        connection = self._database.connection
        await connection.execute(LOCK_CLOSING)
        row = await (await connection.execute(_OLDEST, {"lines": CLOSED_LINES, "bytes": CLOSED_BYTES})).fetchone()
        last, found = row or (None, 0)
        if last is None:
            return False
        blocks = await connection.execute(_BLOCKS, {"separator": SEPARATOR, "block": BLOCK_BYTES, "last": last})
        rows = [(newest, oldest, of, first, end, block_filter(text.split(SEPARATOR))) async for of, first, end, oldest, newest, text in blocks]
        moved = await connection.execute(_MOVE, (last,))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO log_blocks (at, first_at, application_id, first_position, last_position, filter) VALUES (%s, %s, %s, %s, %s, %s)", rows
            )
        return moved.rowcount < found or found == CLOSED_LINES

    async def last(self, filter: LogFilter, limit: int) -> Sequence[StoredLine]:
        newest_first = await self._read(select_lines(filter), limit, 0)
        return newest_first[::-1]

    async def following(self, filter: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        return await self._read(select_lines(filter, is_following=True), limit, position)

    async def _read(self, query: tuple[Composed, dict[str, object]], limit: int, position: int) -> list[StoredLine]:
        text, arguments = query
        async with self._database.connection.cursor(row_factory=class_row(StoredLine)) as cursor:
            await cursor.execute(text, {**arguments, "position": position, "limit": limit})
            return await cursor.fetchall()


def select_lines(filter: LogFilter, *, is_following: bool = False) -> tuple[Composed, dict[str, object]]:
    """The statement and its arguments, but for `limit` and `position`. Newest first, or following a position."""
    conditions, arguments = _conditions(filter)
    if is_following:
        conditions.append(SQL("position > %(position)s"))
    direction = SQL("" if is_following else "DESC")
    where = SQL(" AND ").join(conditions)
    hashes = probes(filter.terms, filter.fields)
    if hashes:
        arguments |= {f"hash{number}": hash for number, hash in enumerate(hashes)}
        closed = _SEARCHED.format(where=where, blocks=SQL(" AND ").join(_block_conditions(filter, is_following, len(hashes))), direction=direction)
    else:
        closed = _READ.format(table=SQL("log_lines"), where=where, direction=direction)
    hot = _READ.format(table=SQL("hot_log_lines"), where=where, direction=direction)
    query = SQL("SELECT * FROM (({closed}) UNION ALL ({hot})) AS lines ORDER BY position {direction} LIMIT %(limit)s")
    return query.format(closed=closed, hot=hot, direction=direction), arguments


_READ = SQL(f"SELECT {LINE} FROM {{table}} WHERE {{where}} ORDER BY position {{direction}} LIMIT %(limit)s")
_SEARCHED = SQL(f"""
    SELECT line.* FROM log_blocks AS block CROSS JOIN LATERAL (
        SELECT {LINE} FROM log_lines
        WHERE position BETWEEN block.first_position AND block.last_position AND log_lines.at BETWEEN block.first_at AND block.at AND {{where}}
        ORDER BY position {{direction}}
    ) AS line WHERE {{blocks}} ORDER BY block.first_position {{direction}}, line.position {{direction}} LIMIT %(limit)s
""")


def _block_conditions(filter: LogFilter, is_following: bool, hashes: int) -> list[Composable]:
    conditions: list[Composable] = [SQL("block.application_id = %(application)s")]
    if is_following:
        conditions.append(SQL("block.last_position > %(position)s"))
    if filter.since is not None:
        conditions.append(SQL("block.at >= %(since)s"))
    if filter.until is not None:
        conditions.append(SQL("block.first_at < %(until)s"))
    conditions += [SQL("filter_contains(block.filter, {})").format(Placeholder(f"hash{number}")) for number in range(hashes)]
    return conditions


def _conditions(filter: LogFilter) -> tuple[list[Composable], dict[str, object]]:
    conditions: list[Composable] = [SQL("application_id = %(application)s")]
    arguments: dict[str, object] = {"application": filter.application_id}
    messages = {
        "environment": (SQL("environment = %(environment)s"), filter.environment),
        "deployment": (SQL("deployment_id = %(deployment)s"), filter.deployment_id),
        "component": (SQL("component = %(component)s"), filter.component),
        "service": (SQL("service = %(service)s"), filter.service),
        "process": (SQL("process = %(process)s"), filter.process),
        "since": (SQL("at >= %(since)s"), filter.since),
        "until": (SQL("at < %(until)s"), filter.until),
    }
    for name, (condition, value) in messages.items():
        if value is not None:
            conditions.append(condition)
            arguments[name] = value
    for sign, terms in (("> 0", filter.terms.required), ("= 0", filter.terms.excluded)):
        for term in terms:
            name = f"term{len(arguments)}"
            conditions.append(SQL("strpos(lower(line), lower({})) {}").format(Placeholder(name), SQL(sign)))
            arguments[name] = term
    if filter.fields:
        conditions.append(SQL("line LIKE '{{%%' AND jsonb_typeof(json_of(line)) = 'object'").format())
    for number, field in enumerate(filter.fields):
        if (necessary := _necessary_text(field)) is not None:
            conditions.append(necessary.format(text=Placeholder(f"text{number}")))
        compared = SQL("IS NOT DISTINCT FROM" if field.same else "IS DISTINCT FROM")
        conditions.append(SQL("json_of(line) #>> {} {} {}").format(Placeholder(f"path{number}"), compared, Placeholder(f"text{number}")))
        arguments[f"path{number}"], arguments[f"text{number}"] = list(field.path), field.text
    return conditions, arguments


def _necessary_text(condition: Condition) -> SQL | None:
    """What a line with this field contains, before it is parsed as JSON: the value as it stands, or an escape.

    Strings may be written with escapes, numbers with an exponent. Objects and arrays may be written with other white space.
    """
    if not condition.same or not condition.text.isprintable() or condition.text.startswith(("{", "[")) or set(condition.text) & set('"\\'):
        return None
    if NUMBER.fullmatch(condition.text):
        return SQL(r"(strpos(line, {text}) > 0 OR strpos(line, '\') > 0 OR line ~ '[:,[]\s*-?[0-9.]+[eE]')")
    return SQL("(strpos(line, {text}) > 0 OR strpos(line, '\\') > 0)")


def _row(line: LogLine) -> str:
    """A line in COPY's text format."""
    workload = line.workload
    deployment = NULL if workload.deployment_id is None else workload.deployment_id
    return (
        f"{line.at.isoformat()}\t{workload.application_id}\t{escaped(workload.environment)}\t{deployment}\t{workload.component}\t{escaped(line.pod)}"
        f"\t{escaped(line.container)}\t{escaped(line.stream)}\t{escaped(line.line)}\t{escaped(line.service)}\t{escaped(workload.process)}\n"
    )
