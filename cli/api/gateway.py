# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Operations of gateway."""

from __future__ import annotations

from typing import Any, cast

from cli.api.transport import Operations


class Gateway(Operations):
    def livez(self) -> dict[str, Any]:
        """Check that this gateway runs."""
        return cast(dict[str, Any], self._call("GET", "/livez"))

    def readyz(self) -> dict[str, Any]:
        """Check that this gateway accepts requests."""
        return cast(dict[str, Any], self._call("GET", "/readyz"))

    def health(self, *, fresh: str | None = None) -> dict[str, Any]:
        """Show the health of every context."""
        return cast(dict[str, Any], self._call("GET", "/health", query={"fresh": fresh}))
