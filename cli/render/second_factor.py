"""The second factor: its secret as a QR code, its recovery codes, its state."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import time_and_age

Json = Mapping[str, Any]


def secret(view: Json) -> list[Text | str]:
    return [
        "Scan this code with an authenticator application:",
        *(Text(line, no_wrap=True, overflow="ignore") for line in qr_code(view["uri"])),
        "Or type this secret into it:",
        Text(view["secret"], "bold", no_wrap=True, overflow="ignore"),
    ]


def qr_code(text: str) -> list[str]:
    """Return a QR code (ISO/IEC 18004) of half blocks, light on a dark terminal."""
    import segno  # slow to import, and no other command needs it

    drawn = io.StringIO()
    segno.make(text, error="l").terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue().splitlines()


def recovery_codes(view: Json, done: str) -> list[RenderableType]:
    explanation = "Recovery codes: each works once in place of a code. They are not shown again, so keep them where your phone is not."
    return [done, explanation, *(Text(f"  {code}") for code in view["codes"])]


def status(view: Json) -> str:
    if not view["isEnabled"]:
        return "The second factor is off."
    return f"The second factor is on since {time_and_age(view['enabledAt'])}. Recovery codes left: {view['recoveryCodesLeft']}."
