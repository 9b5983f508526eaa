"""Autoscaling of process types by what they use or what waits for them."""

from typing import Annotated, Any

import typer

from cli.client import Json, segment
from cli.commands.deploy import follow
from cli.declaration import command
from cli.failures import UsageError
from cli.options import App, Env
from cli.parameter_completion import metric_targets, process_types, variable_names
from cli.render import autoscaling as render
from cli.render import environments as render_environments
from cli.session import Session

METRICS = ("cpu", "memory", "queue")
WEB, WEB_METRICS = "web", ("concurrency", "rps", "cpu", "memory")


def declare(app: typer.Typer) -> None:
    command(app, "autoscale")(autoscale)


def autoscale(
    session: Session,
    process: Annotated[str, typer.Argument(metavar="TYPE", help="Process type: web, worker.", autocompletion=process_types)],
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="NAME=TARGET",
            help="cpu=70, memory=80 (percent), queue=20 (waiting); of web rps=50, concurrency=80.",
            autocompletion=metric_targets,
        ),
    ] = None,
    app: App = None,
    env: Env = None,
    min_instances: Annotated[int, typer.Option("--min", metavar="N", min=0, help="Minimum; 0 needs a queue or requests.")] = 1,
    max_instances: Annotated[int | None, typer.Option("--max", metavar="N", min=1, help="Maximum instances; they count as quota.")] = None,
    query: Annotated[str | None, typer.Option("--query", metavar="SQL", help="Queue: SQL that returns how many wait.")] = None,
    redis_list: Annotated[str | None, typer.Option("--redis-list", metavar="KEY", help="Queue: a list in a bound Redis: celery.")] = None,
    redis_stream: Annotated[str | None, typer.Option("--redis-stream", metavar="KEY", help="Queue: a stream in a bound Redis.")] = None,
    consumer_group: Annotated[str | None, typer.Option("--group", metavar="GROUP", help="With --redis-stream: what it has not read.")] = None,
    rabbitmq_queue: Annotated[str | None, typer.Option("--rabbitmq-queue", metavar="QUEUE", help="Queue: messages that wait in it.")] = None,
    variable: Annotated[
        str | None,
        typer.Option(
            "--variable",
            "--database",
            metavar="VARIABLE",
            help="Variable with the server's URL: DATABASE_URL, REDIS_URL, AMQP_URL.",
            autocompletion=variable_names,
        ),
    ] = None,
    path: Annotated[str | None, typer.Option("--path", metavar="PATH", help="Queue: path of web that answers with JSON.")] = None,
    window: Annotated[
        int | None, typer.Option("--window", metavar="SECONDS", min=0, help="web: averaged over this time; 0 is the default (60, on one machine 30).")
    ] = None,
    down_delay: Annotated[
        int | None, typer.Option("--down-delay", metavar="SECONDS", min=0, help="web: fewer must be enough so long before one ends.")
    ] = None,
    initial: Annotated[int | None, typer.Option("--initial", metavar="N", min=1, help="web: instances with which a release starts.")] = None,
    value: Annotated[str | None, typer.Option("--value", metavar="VALUE", help="With --path: where the number is: queues.default.")] = None,
) -> None:
    """Let metrics decide how many instances run.

    The metric that asks for most instances counts. Workers follow at once; a change of web, which has one metric, creates a
    deployment. A fixed number ends it: capsule scale worker=2. What it measures: capsule ps.
    """
    if not metrics or max_instances is None:
        raise UsageError("Autoscaling needs a maximum and a metric", hint=f"capsule autoscale {process} --max 5 --metric cpu=70")
    application, name = session.application(app), session.environment(env)
    if process == WEB:
        pace = {"scaleWindowSeconds": window, "scaleDownDelaySeconds": down_delay, "initialScale": initial}
        stated = {field: each for field, each in pace.items() if each is not None}
        _autoscale_web(session, application, name, metrics, {"minScale": min_instances, "maxScale": max_instances, **stated})
        return
    if (window, down_delay, initial) != (None, None, None):
        hint = f"capsule autoscale web --max {max_instances} --metric rps=50 --window 60"
        raise UsageError("--window, --down-delay and --initial are of web", hint=hint)
    source = {
        **{"query": query, "variable": variable, "path": path, "value": value},
        **{"redisList": redis_list, "redisStream": redis_stream, "consumerGroup": consumer_group, "rabbitmqQueue": rabbitmq_queue},
    }
    texts = {field: text for field, text in source.items() if text is not None}
    parsed = [_metric(each, texts) for each in metrics]
    body = {"minInstances": min_instances, "maxInstances": max_instances, "metrics": parsed}
    if texts and not any(each["type"] == "queue" for each in parsed):
        raise UsageError("Where a queue is read belongs to the metric queue", hint="--metric queue=20 --redis-list celery")
    route = f"/v1/apps/{application['id']}/environments/{segment(name)}/processes"
    accepted = session.api.put(route, {"processes": {process: {"autoscaling": body}}})
    session.output.show(accepted, render.autoscaled(accepted))
    session.output.next_step(session.command("ps", application))


def _autoscale_web(session: Session, application: Json, environment: str, metrics: list[str], body: dict[str, Any]) -> None:
    name, separator, target = metrics[0].partition("=")
    if len(metrics) > 1 or name not in WEB_METRICS or not separator or not target.removesuffix("%").isdigit():
        raise UsageError(f"web scales by one of {', '.join(WEB_METRICS)}", hint=f"capsule autoscale web --max {body['maxScale']} --metric rps=50")
    body |= {"scaleMetric": name, "scaleTarget": int(target.removesuffix("%"))}
    changed = session.api.put(f"/v1/apps/{application['id']}/environments/{segment(environment)}/scale", body)
    if changed["deployment"] is None:
        session.output.show(changed, render_environments.size(changed))
        session.output.next_step(session.command(f"deploy --env {environment}", application))
        return
    session.output.note(render_environments.size(changed))
    follow(session, application, changed["deployment"], False)


def _metric(text: str, source: Json) -> Json:
    name, separator, target = text.partition("=")
    if name in WEB_METRICS and name not in METRICS:
        raise UsageError(f"{name} counts requests, which only web gets", hint="Workers scale by cpu, memory or queue.")
    if name not in METRICS or not separator or not target.removesuffix("%").isdigit():
        raise UsageError(f'"{text}" is no metric with a target: use cpu=70, memory=80 or queue=20')
    return {"type": name, "target": int(target.removesuffix("%")), **(source if name == "queue" else {})}
