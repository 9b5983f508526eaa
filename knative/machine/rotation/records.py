"""Who rotated what, and when: one record for each name in the state folder, and a line in `log/rotations.log` for each beginning and end."""

import getpass
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from knative.machine import secrets
from knative.machine.home import Home

FILE = "rotations.json"
LOG = "rotations.log"


@dataclass(frozen=True)
class Record:
    """The last rotation of a name. `finished_at`: empty while it is under way or was interrupted. Times: RFC 3339, UTC."""

    name: str
    started_at: str
    by: str
    finished_at: str = ""
    detail: str = ""

    @property
    def started(self) -> datetime:
        return datetime.fromisoformat(self.started_at)

    @property
    def is_interrupted(self) -> bool:
        return not self.finished_at


def read(home: Home) -> dict[str, Record]:
    """The last rotation of each name."""
    return {name: Record(**each) for name, each in json.loads(secrets.find(home, FILE) or "{}").items()}


def begin(home: Home, name: str, now: datetime | None = None, *, is_new: bool = False) -> Record:
    """Record that a rotation begins. One that was interrupted keeps its time, unless `is_new`."""
    former = read(home).get(name)
    continues = former is not None and former.is_interrupted and not is_new
    started_at = former.started_at if former is not None and continues else _stamp(now)
    return _write(home, Record(name, started_at, _person()), "continues" if continues else "begins")


def restore(home: Home, record: Record, former: Record | None) -> None:
    """Forget a rotation that changed nothing."""
    _write(home, former or Record(record.name, record.started_at, record.by), "not applicable")
    if former is None:
        records = {name: each for name, each in read(home).items() if name != record.name}
        _store(home, records)


def finish(home: Home, record: Record, detail: str) -> Record:
    return _write(home, Record(record.name, record.started_at, record.by, _stamp(), detail), "finished")


def _write(home: Home, record: Record, what: str) -> Record:
    _store(home, {**read(home), record.name: record})
    home.create()
    line = {"at": _stamp(), "rotation": record.name, "is": what, "by": record.by, "detail": record.detail}
    with (home.log / LOG).open("a") as log:
        log.write(json.dumps(line) + "\n")
    return record


def _store(home: Home, records: dict[str, Record]) -> None:
    secrets.store(home, FILE, json.dumps({name: asdict(each) for name, each in records.items()}, indent=1))


def _stamp(now: datetime | None = None) -> str:
    return (now or datetime.now(UTC)).isoformat(timespec="milliseconds")


def _person() -> str:
    """The login name of who runs the task; under sudo, of who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
