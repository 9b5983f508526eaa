"""How the last backup ended, remembered in the state folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from knative.local.files import write_private
from knative.machine.home import Home


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the last backup ended. `doctor` reads it. Times: ISO 8601."""

    at: str
    error: str = ""
    backup_id: str = ""
    place: str = ""
    last_good_at: str = ""

    @classmethod
    def read(cls, home: Home) -> "Outcome | None":
        path = _outcome_path(home)
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def write(self, home: Home) -> None:
        home.create()
        write_private(_outcome_path(home), json.dumps(asdict(self)).encode())


def _outcome_path(home: Home) -> Path:
    return home.path / "backup.json"
