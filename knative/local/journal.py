"""Write the store's changes to disk without blocking the event loop.

The store works in memory. A thread writes what has changed since its last round in one transaction (SQLite, WAL,
synchronous=FULL), so that many small status writes share one fsync. Callers that may answer only after the disk has a
change await `durable`.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

Key = tuple[str, str, str]
"""kind ("Service.serving.knative.dev"), namespace ("" for cluster-scoped), name"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL);
INSERT OR IGNORE INTO clock VALUES (1, 1);
"""


class Journal:
    """Call `load` once, then `write`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-512;" + SCHEMA)
        self._waiting = threading.Condition()
        self._rows: dict[Key, bytes | None] = {}
        self._version = 0
        self._round: Future[None] = Future()
        self._writing: Future[None] | None = None
        self._failure: BaseException | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def load(self) -> tuple[int, Iterator[tuple[Key, bytes]]]:
        """Return the last version and every object. The writing thread starts when the last object has been read."""
        (version,) = self._database.execute("SELECT version FROM clock").fetchone()
        return version, self._read()

    def _read(self) -> Iterator[tuple[Key, bytes]]:
        """Read one object after the other: all of them at once would leave the heap twice as large."""
        for kind, namespace, name, data in self._database.execute("SELECT kind, namespace, name, data FROM objects"):
            yield (kind, namespace, name), data
        self._thread.start()

    def write(self, key: Key, data: bytes | None, version: int) -> None:
        """Queue a change; `data` None deletes the object. Raises RuntimeError when an earlier write failed."""
        with self._waiting:
            if self._failure:
                raise RuntimeError("the store cannot write to its disk") from self._failure
            self._rows[key] = data
            self._version = version
            self._waiting.notify()

    async def durable(self) -> None:
        """Returns once everything written before the call is on disk."""
        with self._waiting:
            pending = self._round if self._rows else self._writing
        if pending is not None:
            await asyncio.shield(asyncio.wrap_future(pending))

    def close(self) -> None:
        with self._waiting:
            self._closing = True
            self._waiting.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._database.close()

    def _run(self) -> None:
        while True:
            with self._waiting:
                self._waiting.wait_for(lambda: self._rows or self._closing)
                if not self._rows:
                    return
                rows, self._rows = self._rows, {}
                version, done = self._version, self._round
                self._writing, self._round = done, Future()
            try:
                self._commit(rows, version)
            except BaseException as failure:  # noqa: BLE001 - a thread has no caller: the next write and all waiters raise it
                with self._waiting:
                    self._failure, self._writing = failure, None
                    self._round.set_exception(failure)
                done.set_exception(failure)
                return
            with self._waiting:
                self._writing = None
            done.set_result(None)

    def _commit(self, rows: dict[Key, bytes | None], version: int) -> None:
        database = self._database
        deleted = [key for key, data in rows.items() if data is None]
        written = [(*key, data) for key, data in rows.items() if data is not None]
        database.execute("BEGIN IMMEDIATE")
        database.executemany("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?", deleted)
        database.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", written)
        database.execute("UPDATE clock SET version = ?", (version,))
        database.execute("COMMIT")
