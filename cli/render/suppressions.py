"""Addresses that get no e-mails."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import age
from cli.render.tables import Column, Table


def suppressions(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(Column("address"), Column("reason"), Column("detail", drop=1), Column("since"))
    for each in items:
        table.add_row(Text(each["address"], "bold"), each["reason"], each["detail"], age(each["suppressedAt"]))
    return table
