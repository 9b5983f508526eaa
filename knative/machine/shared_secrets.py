"""A secret that two parties share: one signs with it, the other one verifies, and accepts several while it is rotated.

Order of a rotation: `stage` a new value, which the verifier accepts beside the current one; then `switch`, and the signer uses it. The former
value is accepted for FORMER_SECONDS more, for what was signed before and is still on its way. It leaves the published Secret with the next `up`
or rotation after that; `forget_former` ends it at once.
"""

import time
from dataclasses import dataclass

from knative.machine import secrets
from knative.machine.home import Home

FORMER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class SharedSecret:
    home: Home
    name: str

    @property
    def current(self) -> str:
        """What the signer uses. Generated at first use."""
        return secrets.password(self.home, self.name)

    @property
    def accepted(self) -> tuple[str, ...]:
        """What the verifier accepts, the current value first."""
        found = (self.current, secrets.find(self.home, self._next), self._former_value())
        return tuple(dict.fromkeys(each for each in found if each))

    def stage(self) -> None:
        """Make a next value, unless an interrupted rotation has made one."""
        secrets.stored_secret(self.home, self._next, secrets.new_password)

    def switch(self) -> None:
        """Make the next value the current one. After a crash in the middle, the same value is current and next, and `switch` ends it."""
        current, following = self.current, secrets.find(self.home, self._next)
        if following is None:
            return
        if following != current:
            secrets.store(self.home, self._former, current)
            secrets.store(self.home, f"{self.name}.password", following)
        secrets.delete(self.home, self._next)

    def forget_former(self) -> None:
        """Accept the current value alone."""
        secrets.delete(self.home, self._former)

    def _former_value(self) -> str | None:
        path = self.home.secrets / self._former
        return path.read_text() if path.exists() and time.time() - path.stat().st_mtime < FORMER_SECONDS else None

    @property
    def _next(self) -> str:
        return f"{self.name}.next"

    @property
    def _former(self) -> str:
        return f"{self.name}.former"
