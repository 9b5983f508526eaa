"""A foreign system: a file that every ring appends a line to. It is away while the file that PROBE_BELL_AWAY names is there."""

from pathlib import Path

from functions.kernel import Permanent, RateLimited, Transient
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call


class FileBell:
    def __init__(self, settings: Settings) -> None:
        self._path = Path(settings.text("PROBE_BELL"))
        self._away = Path(settings.text("PROBE_BELL_AWAY", "/nowhere/bell-is-away"))

    @external_call
    async def ring(self, text: str) -> None:
        if text.startswith("away") or self._away.exists():
            raise Transient("the bell does not answer")
        if text.startswith("slow-down"):
            raise RateLimited("too much ringing", retry_after=30)
        if text.startswith("never"):
            raise Permanent("there is no such bell")
        with self._path.open("a") as file:
            file.write(text + "\n")
