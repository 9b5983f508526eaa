"""`python -m knative.cluster COMMAND`: `./taskw cluster`. Exit code 1 when a command fails or finds something to mend."""

import argparse
import json
import os
import sys
from pathlib import Path

import urllib3
from kubernetes.dynamic.exceptions import ApiException
from rich.console import Console

from cli.variables import TOKEN
from functions.runtime.config.variables import PUBLIC_URL
from functions.wire.settings import InvalidSetting
from knative.cluster import checks, differences, releases, rollback, rollout, smoke
from knative.cluster.checks import probe
from knative.cluster.connection import ClusterApi, connect, failure_of
from knative.cluster.lease import exclusive
from knative.cluster.overlay import Overlay
from knative.cluster.secrets import command as secrets
from knative.cluster.stages import BATCH
from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.progress import Progress, show_problem

PIPE_WIDTH = 80
INTERRUPTED = 130
"""As shells report SIGINT."""


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    try:
        return run(options, console)
    except Problem as problem:
        if options.json:
            console.print(json.dumps({"problem": problem.message, "remedy": problem.remedy}), markup=False, soft_wrap=True)
        else:
            show_problem(problem, console)
    except InvalidSetting as error:
        show_problem(Problem(str(error), "All settings and their values: docs/settings.md"), console)
    except KeyboardInterrupt:
        quiet = Console(file=sys.stderr, highlight=False) if options.json else console
        quiet.print(f"\nInterrupted. What was done stays; repeat it: ./taskw cluster {options.command}")
        return INTERRUPTED
    return 1


def run(options: argparse.Namespace, console: Console) -> int:
    """Run a command and return its exit code. Raises: Problem, InvalidSetting."""
    if options.command == "secrets" and options.offline:
        return secrets.run(options, None, overlay(options), console)
    cluster = connect(options.kubeconfig, options.context)
    try:
        return run_on(cluster, options, console)
    except (ApiException, urllib3.exceptions.HTTPError) as error:
        raise failure_of(error, cluster.name, cluster.host) from error


def run_on(cluster: ClusterApi, options: argparse.Namespace, console: Console) -> int:
    """As `run`. Raises: also what the client of the API raises."""
    match options.command:
        case "secrets":
            return secrets.run(options, cluster, overlay(options), console)
        case "check":
            rendered = overlay(options)
            is_suitable = checks.run(cluster, rendered, console, as_json=options.json, show_all=options.all)
            if options.probe:
                is_suitable = probe.run(cluster, rendered, console, as_json=options.json) and is_suitable
            return 0 if is_suitable else 1
        case "diff":
            has_changes = differences.show(differences.differences(cluster, overlay(options)), console, as_json=options.json, show_all=options.all)
            return 2 if has_changes and options.exit_code else 0
        case "apply":
            return apply(options, cluster, console)
        case "rollback":
            return go_back(options, cluster, console)
        case "smoke":
            url = options.url or overlay(options).settings.get(PUBLIC_URL.name, "")
            token = TOKEN.read(os.environ)
            steps = smoke.smoke(console, url, options.repository, address=options.address, token=token, ca_file=options.ca_file)
            if options.json:
                console.print(json.dumps(steps, indent=1), markup=False, soft_wrap=True)
            else:
                for each in steps:
                    console.print(f"[green]✓[/] {each['step']:<10} {each['detail']}  [dim]{each['seconds']} s[/]", soft_wrap=True)
    return 0


def apply(options: argparse.Namespace, cluster: ClusterApi, console: Console) -> int:
    """Check, show what changes, confirm, and roll out. Raises: Problem."""
    rendered = overlay(options)
    quiet = Console(file=sys.stderr, highlight=False) if options.json else console
    if options.servers:
        with exclusive(cluster):
            rollout.start_servers(cluster, rendered.objects, Progress(quiet), rollout.Options(options.batch))
        quiet.print("\nThe servers are ready. Their authorities: ./taskw cluster secrets --apply", markup=False)
        return 0
    if not options.skip_checks and not checks.run(cluster, rendered, quiet):
        raise Problem("The cluster lacks something; nothing was changed.", "Mend what is marked, or apply all the same: --skip-checks")
    found = list(differences.differences(cluster, rendered))
    differences.show(found, quiet, as_json=False)
    has_changes = any(each.action != "keep" and (each.action != "remove" or options.prune) for each in found)
    if not options.skip_checks and (refused := [each for each in found if each.action == "refused"]):
        raise Problem(
            f"The API refuses {len(refused)} of the objects; nothing was changed.", "Mend what is marked, or apply all the same: --skip-checks"
        )
    how = rollout.Options(options.batch, prune=options.prune)
    last = next(iter(releases.history(cluster)), None)
    if not has_changes and last is not None and last.state == releases.APPLIED:
        rollout.check_ready(cluster, rendered.objects, Progress(quiet), how)
        _print_release(last, console, as_json=options.json, is_unchanged=True)
        return 0
    if has_changes and not options.yes and not confirm(f"Apply this to the cluster {cluster.name} ({cluster.host})? [y/N] "):
        raise Problem("Nothing was changed.", "Without a terminal: --yes")
    with exclusive(cluster):
        release = rollout.roll_out(cluster, rendered.objects, rendered.image, rendered.name, Progress(quiet), how)
    _print_release(release, console, as_json=options.json)
    return 0


def go_back(options: argparse.Namespace, cluster: ClusterApi, console: Console) -> int:
    """List the releases, or apply an earlier one again. Raises: Problem."""
    found = releases.history(cluster)
    if options.list:
        rollback.show(found, console, as_json=options.json)
        return 0
    target = releases.former(found, options.to)
    if not options.yes and not confirm(f"Apply release {target.number} ({target.image}) to the cluster {cluster.name}? [y/N] "):
        raise Problem("Nothing was changed.", "Without a terminal: --yes")
    quiet = Console(file=sys.stderr, highlight=False) if options.json else console
    how = rollout.Options(options.batch, migrates=False, prune=options.prune)
    with exclusive(cluster):
        release = rollback.roll_back(cluster, target.number, Progress(quiet), how)
    _print_release(release, console, as_json=options.json)
    return 0


def overlay(options: argparse.Namespace) -> Overlay:
    return Overlay.read(Home.from_environment(), options.overlay)


def confirm(question: str) -> bool:
    """Ask on the terminal. False without a terminal."""
    try:
        return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _print_release(release: releases.Release, console: Console, *, as_json: bool, is_unchanged: bool = False) -> None:
    if as_json:
        document = {"release": release.number, "image": release.image, "state": release.state, "unchanged": is_unchanged}
        console.print(json.dumps(document), markup=False, soft_wrap=True)
    elif is_unchanged:
        console.print(f"\nUnchanged: release {release.number}, {release.image}, which is ready.", markup=False)
    else:
        console.print(f"\nRelease {release.number}: {release.image}. Try it: ./taskw cluster smoke", markup=False)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--overlay", "-k", default="production", metavar="FOLDER", help="a folder, or a name in knative/overlays (default: production)"
    )
    common.add_argument("--kubeconfig", type=Path, metavar="FILE", help="default: KUBECONFIG, or ~/.kube/config")
    common.add_argument("--context", metavar="NAME", help="a context of the kubeconfig (default: the current one)")
    common.add_argument("--json", action="store_true", help="print one JSON document")
    top = argparse.ArgumentParser(prog="./taskw cluster", description="Run Capsule on a Knative cluster: docs/cluster.md")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", parents=[common], help="name what the cluster lacks; changes nothing")
    check.add_argument("-a", "--all", action="store_true", help="print details")
    check.add_argument("--probe", action="store_true", help="also run a Job that pulls the image and logs in to the databases from inside")
    secrets.add_parser(commands, common)
    diff = commands.add_parser("diff", parents=[common], help="show what apply would change; changes nothing")
    diff.add_argument("-a", "--all", action="store_true", help="also name objects that stay")
    diff.add_argument("--exit-code", action="store_true", help="exit with 2 if something would change")
    for name, text in (("apply", "check, show the differences, then roll out in stages"), ("rollback", "apply an earlier release again")):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("--yes", "-y", action="store_true", help="do not ask for confirmation")
        command.add_argument(
            "--batch", type=positive, default=BATCH, metavar="N", help=f"functions that start pods at the same time (default: {BATCH})"
        )
        command.add_argument("--prune", action="store_true", help="delete what former releases had and this one has not")
        if name == "apply":
            command.add_argument("--skip-checks", action="store_true", help="apply although check finds something")
            command.add_argument("--servers", action="store_true", help="only the servers that the overlay runs: RabbitMQ, PostgreSQL, issuers")
        else:
            command.add_argument("--to", type=int, metavar="NUMBER", help="the release (default: the last one before the present)")
            command.add_argument("--list", action="store_true", help="list the releases; changes nothing")
    test = commands.add_parser("smoke", parents=[common], help="register, deploy a repository, open its URL, read its bill; deletes what it makes")
    test.add_argument("--url", default="", help="the gateway (default: CAPSULE_PUBLIC_URL of the overlay)")
    test.add_argument("--address", default="", metavar="ADDRESS", help="e-mail address of the account to make; you paste the link that it gets")
    test.add_argument("--repository", default=smoke.REPOSITORY, help="a git repository (default: a public sample)")
    test.add_argument("--ca-file", type=Path, metavar="FILE", help="PEM certificates to trust beside the system's")
    return top


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
