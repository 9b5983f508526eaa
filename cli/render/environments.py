"""Environments: what an application finds there, and how large it is."""

from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.render.words import grid, moment, number, short

Json = dict[str, Any]


def settings(found: Json) -> RenderableType:
    if not found["entries"]:
        return "Nothing is set: capsule env set NAME=VALUE"
    table = grid("name", "value", "of", "version", "changed")
    for each in found["entries"]:
        value = Text("secret", "dim") if each["secret"] else Text(each["value"])
        table.add_row(Text(each["name"], "bold"), value, each["scope"], str(each["version"]), moment(each["changedAt"]))
    return table


def changed(changed: Json) -> str:
    places = ", ".join(each["environment"] for each in changed["deployments"])
    return f"Configuration version {changed['version']}" + (f", released in {places}" if places else ", from the next release on")


def size(each: Json) -> str:
    observed = "" if each["observationSeconds"] is None else f", new releases are watched for {each['observationSeconds']} s"
    return f"{each['name']}: {_instances(each)} of {each['memoryMib']} MiB and {each['cpuMillis'] / 1000:g} CPU{observed}"


def environments(items: list[Json]) -> Table:
    table = grid("environment", "instances", "memory", "CPU", "watched", "release", "commit", "url", right=("memory", "CPU", "watched"))
    for each in items:
        sizes = (_instances(each), f"{each['memoryMib']} MiB", f"{each['cpuMillis'] / 1000:g}", f"{each['observationSeconds']} s")
        table.add_row(Text(each["name"], "bold"), *sizes, number(each["release"]), short(each["commit"]), each["url"] or "–")
    return table


def _instances(each: Json) -> str:
    return f"{each['minScale']} to {each['maxScale']}"
