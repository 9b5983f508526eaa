"""Dead letters by cause and one by one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.formats import age, count
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def number(letters: int) -> str:
    return f"{count(letters)} dead letter{'' if letters == 1 else 's'}"


def letters(document: Json, state: str) -> Iterator[RenderableType]:
    causes = sorted(document["causes"], key=lambda each: -int(each["count"]))
    if not causes:
        yield f"No {state} dead letters."
        return
    yield f"{number(sum(each['count'] for each in causes))} {state}, by cause"
    table = Table(Column("function"), Column("error"), Column("count", is_right=True), Column("oldest", drop=2), Column("newest", drop=1))
    for each in causes:
        table.add_row(Text(each["function"], "bold"), Text(each["error"], "red"), count(each["count"]), age(each["oldest"]), age(each["newest"]))
    yield table
    yield ""
    table = Table(Column("id"), Column("function"), Column("error", drop=1), Column("attempts", drop=2, is_right=True), Column("died"))
    short = short_ids(each["id"] for each in document["letters"])
    for each in sorted(document["letters"], key=lambda each: str(each["diedAt"])):
        table.add_row(
            Text(short[each["id"]], "bold"), each["function"], each["error"], count(each["attempts"]), age(each["diedAt"]), details=[each["detail"]]
        )
    yield table


def letter(view: Json) -> Iterator[RenderableType]:
    yield Text.assemble((view["id"], "bold"), f" · {view['state']} · {view['function']}")
    yield f"{view['type']}, {count(view['attempts'])} attempt{'' if view['attempts'] == 1 else 's'}, died {age(view['diedAt'])}"
    yield Text.assemble((view["error"], "red"), f": {view['detail']}" if view["detail"] else "")
    yield ""
    yield json.dumps(view["payload"], indent=2, ensure_ascii=False)
    if view["stack"]:
        yield ""
        yield Text(view["stack"], "dim")
    if view["history"]:
        yield ""
        table = Table(Column("what"), Column("who"), Column("when"), Column("detail", drop=1))
        for each in view["history"]:
            table.add_row(each["action"], each["actor"] or "Capsule", age(each["at"]), each["detail"])
        yield table
