"""Autoscaling of process types by what they use or what waits for them."""

from typing import Annotated

import typer

from cli.client import Json, segment
from cli.declaration import command
from cli.failures import UsageError
from cli.options import App, Env
from cli.parameter_completion import metric_targets, process_types, variable_names
from cli.render import autoscaling as render
from cli.session import Session

METRICS = ("cpu", "memory", "queue")


def declare(app: typer.Typer) -> None:
    command(app, "autoscale")(autoscale)


def autoscale(
    session: Session,
    process: Annotated[str, typer.Argument(metavar="TYPE", help="Process type of the Procfile: worker.", autocompletion=process_types)],
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="NAME=TARGET",
            help="cpu=70 or memory=80 (percent), queue=20 (waiting, per instance).",
            autocompletion=metric_targets,
        ),
    ] = None,
    app: App = None,
    env: Env = None,
    min_instances: Annotated[int, typer.Option("--min", metavar="N", min=0, help="Minimum instances; 0 needs a queue.")] = 1,
    max_instances: Annotated[int | None, typer.Option("--max", metavar="N", min=1, help="Maximum instances; they count as quota.")] = None,
    query: Annotated[str | None, typer.Option("--query", metavar="SQL", help="Queue: SQL that returns how many wait.")] = None,
    variable: Annotated[
        str | None,
        typer.Option(
            "--database", metavar="VARIABLE", help="With --query: variable of the database's URL (DATABASE_URL).", autocompletion=variable_names
        ),
    ] = None,
    path: Annotated[str | None, typer.Option("--path", metavar="PATH", help="Queue: path of web that answers with JSON.")] = None,
    value: Annotated[str | None, typer.Option("--value", metavar="VALUE", help="With --path: where the number is: queues.default.")] = None,
) -> None:
    """Let metrics decide how many instances run.

    The metric that asks for most instances counts. Takes effect at once, without a deployment. A fixed number ends it:
    capsule scale worker=2. What it measures: capsule ps.
    """
    if not metrics or max_instances is None:
        raise UsageError("Autoscaling needs a maximum and a metric", hint=f"capsule autoscale {process} --max 5 --metric cpu=70")
    application, name = session.application(app), session.environment(env)
    source = {"query": query, "variable": variable, "path": path, "value": value}
    given = {field: text for field, text in source.items() if text is not None}
    parsed = [_metric(each, given) for each in metrics]
    body = {"minInstances": min_instances, "maxInstances": max_instances, "metrics": parsed}
    if given and not any(each["type"] == "queue" for each in parsed):
        raise UsageError(
            "--query, --database, --path and --value are of the metric queue", hint="--metric queue=20 --query 'SELECT count(*) FROM jobs'"
        )
    route = f"/v1/apps/{application['id']}/environments/{segment(name)}/processes"
    accepted = session.api.put(route, {"processes": {process: {"autoscaling": body}}})
    session.output.show(accepted, render.autoscaled(accepted))
    session.output.next_step(session.command("ps", application))


def _metric(text: str, source: Json) -> Json:
    name, separator, target = text.partition("=")
    if name not in METRICS or not separator or not target.removesuffix("%").isdigit():
        raise UsageError(f'"{text}" is no metric with a target: use cpu=70, memory=80 or queue=20')
    return {"type": name, "target": int(target.removesuffix("%")), **(source if name == "queue" else {})}
