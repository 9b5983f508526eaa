"""`python -m knative.machine up | down | status | logs | migrate | demo | reset`: what `./taskw` runs. Exit code 1, with a remedy, when it fails."""

import argparse
import sys

import psycopg
from rich.console import Console

from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.progress import Progress, show_problem


def main(arguments: list[str]) -> int:
    asked = parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    try:
        return run(asked, Home.from_environment(), console)
    except Problem as problem:
        show_problem(problem, console)
    except psycopg.OperationalError as error:
        show_problem(Problem(f"PostgreSQL does not answer: {error}".strip(), "./taskw status shows what runs; ./taskw up starts it"), console)
    except OSError as error:
        show_problem(
            Problem(f"{error.strerror}: {error.filename or ''}", "no room left, or no right to it? CAPSULE_HOME=… names another folder"), console
        )
    except KeyboardInterrupt:
        console.print("\nstopped; ./taskw up goes on where it was, ./taskw down stops everything")
    return 1


def run(asked: argparse.Namespace, home: Home, console: Console) -> int:
    progress = Progress(console)
    match asked.what:
        case "up":
            from knative.machine.up import up

            up(home, progress, asked.grouping)
        case "down":
            from knative.machine.down import down

            down(home, progress)
        case "reset":
            from knative.machine.down import reset

            if not asked.yes and not confirmed(f"Stop everything and delete all data in {home.path}? [y/N] "):
                console.print("nothing was done")
                return 1
            reset(home, progress)
        case "status":
            from knative.machine.status import status

            return 0 if status(home, console) else 1
        case "logs":
            from knative.machine.logs import logs

            logs(home, asked.name, asked.follow, asked.lines, console)
        case "migrate":
            from knative.machine.up import migrations, servers

            servers(home, progress)
            with progress.step("Migrations") as step:
                step.detail = migrations(home)
        case "demo":
            from knative.machine.demo import demo

            demo(home, progress, asked.repository)
    return 0


def confirmed(question: str) -> bool:
    return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="./taskw", description="Capsule on this machine.")
    commands = top.add_subparsers(dest="what", required=True, metavar="TASK")
    up = commands.add_parser("up", help="start everything")
    shape = up.add_mutually_exclusive_group()
    shape.add_argument(
        "--grouped", dest="grouping", action="store_const", const="context", help="one Service and Trigger for each context; remembered"
    )
    shape.add_argument("--ungrouped", dest="grouping", action="store_const", const="function", help="one for each function, as it is without a word")
    commands.add_parser("down", help="stop everything; the data stays")
    commands.add_parser("status", help="what runs")
    commands.add_parser("migrate", help="apply the migrations of sql/")
    reset = commands.add_parser("reset", help="stop everything and delete the data")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    logs = commands.add_parser("logs", help="logs of servers and functions")
    logs.add_argument("name", nargs="?", help="a server or a function; without it, the names")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=int, default=100)
    demo = commands.add_parser("demo", help="from registration to a bill")
    demo.add_argument("repository", nargs="?", help="another git repository (or REPO=…)")
    return top


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
