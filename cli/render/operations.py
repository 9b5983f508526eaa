"""Operations."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import NONE, time_and_age
from cli.render.tables import Column, Facts, Table

RUNNING = "running"
STYLES = {"succeeded": "green", "failed": "red"}


def operation(view: Mapping[str, Any]) -> list[RenderableType]:
    state = Text(view["state"], STYLES.get(view["state"], "bold"))
    ended = [("ended", time_and_age(view["finishedAt"]))] if view["finishedAt"] else []
    problem = [("problem", view["problem"]["detail"])] if view["problem"] else []
    facts = Facts(
        ("operation", view["id"]),
        ("kind", view["kind"]),
        ("state", state),
        ("summary", view["summary"]),
        ("requested", time_and_age(view["requestedAt"])),
        *ended,
        *problem,
        ("resource", view["resource"] or NONE),
    )
    steps = Table(Column("step"), Column("began"), Column("ended"), Column("attempts", drop=1), Column("error"))
    for each in view["steps"]:
        ended_at = time_and_age(each["finishedAt"]) if each["finishedAt"] else NONE
        steps.add_row(Text(each["step"], "bold"), time_and_age(each["startedAt"]), ended_at, str(each["attempts"]), each["error"] or NONE)
    return [facts, "", steps]
