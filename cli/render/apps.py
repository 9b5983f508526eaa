"""Applications and the state of their environments."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.lookup import short_ids
from cli.render.deployments import status_words
from cli.render.formats import age, short_commit, size, time_and_age
from cli.render.tables import Column, Facts, Table

Json = dict[str, Any]


def applications(items: list[Json]) -> RenderableType:
    if not items:
        return Text("No applications yet.")
    ids = short_ids(each["id"] for each in items)
    table = Table(Column("name"), Column("created", drop=1), Column("id"))
    for each in items:
        table.add_row(Text(each["name"], "bold"), age(each["createdAt"]), ids[each["id"]], details=[each["repository"]])
    return table


def created(view: Json) -> Text:
    return Text.assemble("✓ Created application ", (view["name"], "bold"), f" from {view['repository']}.")


def application(view: Json, deployments: list[Json] | None = None) -> RenderableType:
    """Return an application's facts and one line per environment.

    `deployments` are the latest ones, which know the release of an environment's last deployment.
    """
    facts = Facts(
        ("name", Text(view["name"], "bold")),
        ("repository", view["repository"]),
        ("created", time_and_age(view.get("createdAt"))),
        ("id", view["id"]),
    )
    if not view["environments"]:
        return Group(facts, Text(""), Text("Not deployed yet."))
    return Group(facts, Text(""), environments(view["environments"], deployments or []))


def disk(view: Json | None) -> Text:
    """Return what an application uses of the server's disk."""
    if view is None:
        return Text("disk   not measured")
    images = f"images {view['images']}, {size(view['imagesBytes'])}"
    return Text(f"disk   {images} · cache {size(view['cacheBytes'])} · instances {size(view['instancesBytes'])}")


def environments(items: list[Json], deployments: list[Json]) -> RenderableType:
    releases = {each["id"]: each["release"] for each in deployments}
    facts: list[tuple[str, Text]] = []
    for each in items:
        state = environment_state(each, releases.get(each["latestDeployment"].get("id")))
        facts.append((each["name"], Text.assemble(state, f"\n{each['url']}" if each["url"] else "")))
    return Facts(*facts)


def environment_state(environment: Json, last_release: int | None = None) -> Text:
    """Return what serves and how the last deployment ended: `r1 serving · last deployment (r3) rolled back (failing-requests)`."""
    latest = environment["latestDeployment"]
    if environment["release"] is None:
        serving = Text("nothing serving", "yellow")
    else:
        serving = Text.assemble((f"r{environment['release']} serving", "green"), f" ({short_commit(environment['commit'])})")
    if latest["status"] == "succeeded" and environment["release"] is not None:
        return Text.assemble(serving, f" · deployed {age(latest['requestedAt'])}")
    which = f"last deployment (r{last_release})" if last_release else "last deployment"
    return Text.assemble(serving, f" · {which} ", status_words(latest))
