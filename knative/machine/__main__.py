"""`python -m knative.machine TASK`: the tasks of `./taskw` that run Capsule. Exit code 1, with a message and a remedy, when a task fails."""

import argparse
import sys

from rich.console import Console

from functions.wire.settings import InvalidSetting
from knative.machine.backup.options import add_backup_parsers
from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.progress import Progress, show_problem

PIPE_WIDTH = 80


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    try:
        return run(options, Home.from_environment(), console)
    except Problem as problem:
        show_problem(problem, console)
    except InvalidSetting as error:
        show_problem(Problem(str(error), "All settings and their values: docs/settings.md"), console)
    except OSError as error:
        remedy = "Check free space and permissions, or use another folder: CAPSULE_HOME=…"
        show_problem(Problem(f"{error.strerror or str(error) or type(error).__name__}: {error.filename or ''}", remedy), console)
    except KeyboardInterrupt:
        console.print("\nInterrupted. ./taskw up continues; ./taskw down stops everything.")
    except Exception as error:
        if not _is_of_postgres(error):
            raise
        remedy = "See what runs: ./taskw status. Start everything: ./taskw up"
        show_problem(Problem(f"PostgreSQL does not answer: {error}".strip(), remedy), console)
    return 1


def _is_of_postgres(error: Exception) -> bool:
    """Whether PostgreSQL did not answer. Not an `except` clause: that would import psycopg for tasks that do not use it, such as `down`."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.OperationalError)


def run(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Run the task and return its exit code. Each task imports only what it needs, so that `status` and `logs` start fast."""
    progress = Progress(console)
    match options.task:
        case "up":
            from knative.machine.early_rabbitmq import launch_early

            is_launched = not options.foreground and launch_early(home)
            from knative.machine.supervision import supervise
            from knative.machine.up import up

            if options.foreground:
                supervise(home, progress, lambda is_needed: up(home, progress, options.grouping, is_needed))
            else:
                up(home, progress, options.grouping, is_launched=is_launched)
            if options.timings:
                progress.print_timings()
        case "down":
            from knative.machine.down import down

            down(home, progress)
            if options.timings:
                progress.print_timings()
        case "reset":
            from knative.machine.down import reset

            if not options.yes and not confirm(f"Stop everything and delete all data in {home.path}? [y/N] "):
                console.print("Nothing was deleted.")
                return 1
            reset(home, progress)
        case "status":
            from knative.machine.status import status

            return 0 if status(home, console, show_all=options.all) else 1
        case "doctor":
            from knative.machine.doctor import doctor

            return 0 if doctor(home, console, as_json=options.json, show_all=options.all) else 1
        case "install-service":
            from knative.machine.service_installation import install_service, uninstall_service

            if options.uninstall:
                uninstall_service(console, is_user_service=options.user)
            else:
                install_service(
                    home, console, is_user_service=options.user, account=options.run_as, print_only=options.print, backup_at=options.backup_at
                )
        case "logs":
            from knative.machine.logs import logs

            logs(home, options.name, options.follow, options.lines, console)
        case "mail":
            from knative.machine.mailbox import DELIVERY_SECONDS, print_newest

            timeout_seconds = DELIVERY_SECONDS if options.link else 0
            print_newest(home, console, recipient=options.to, link_only=options.link, timeout_seconds=timeout_seconds)
        case "migrate":
            from knative.machine.up import migrate_databases, start_servers

            start_servers(home, progress)
            with progress.step("Migrations") as step:
                step.detail = migrate_databases(home)
        case "admin":
            from knative.machine.administrators import add

            add(home, options.address, console)
        case "certificates":
            from knative.machine.platform_certificates import certificates

            return 0 if certificates(home, console, renews=options.renew) else 1
        case "backup":
            from knative.machine.backup.command import run_backup

            run_backup(home, options, progress, console)
        case "restore":
            from knative.machine.backup.command import run_restore

            run_restore(home, options, progress)
        case "rotate":
            from knative.machine.rotation.command import rotate

            rotate(home, options.name, progress, is_forced=options.force)
        case "advance-billing":
            from knative.machine.billing_clock import advance

            advance(home, options.days, console)
        case "demo":
            from knative.machine.demo import demo

            demo(home, progress, options.repository)
    return 0


def confirm(question: str) -> bool:
    """Ask on the terminal. False without a terminal."""
    return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="./taskw", description="Run Capsule on this machine.")
    tasks = top.add_subparsers(dest="task", required=True, metavar="TASK")
    up = tasks.add_parser("up", help="start everything")
    shape = up.add_mutually_exclusive_group()
    grouped, ungrouped = "one Service and Trigger per context; remembered", "one Service and Trigger per function (default); remembered"
    shape.add_argument("--grouped", dest="grouping", action="store_const", const="context", help=grouped)
    shape.add_argument("--ungrouped", dest="grouping", action="store_const", const="function", help=ungrouped)
    foreground = "stay, start again what ends, and stop everything on SIGTERM; for service managers"
    up.add_argument("--foreground", action="store_true", help=foreground)
    up.add_argument("--timings", action="store_true", help="print when each step began and ended")
    down = tasks.add_parser("down", help="stop everything; data stays")
    down.add_argument("--timings", action="store_true", help="print when each step began and ended")
    status = tasks.add_parser("status", help="show what runs")
    status.add_argument("-a", "--all", action="store_true", help="list every function and application")
    doctor = tasks.add_parser("doctor", help="check what Capsule needs of this machine")
    doctor.add_argument("-a", "--all", action="store_true", help="print details")
    doctor.add_argument("--json", action="store_true", help="print one JSON document")
    service = tasks.add_parser("install-service", help="install Capsule as a service of systemd")
    who = service.add_mutually_exclusive_group()
    who.add_argument("--user", action="store_true", help="a service of your own user, without root")
    who.add_argument("--run-as", metavar="NAME", help="run as this user instead of root; isolation of applications is weaker, see docs/security.md")
    service.add_argument("--backup-at", metavar="HH:MM", default="03:00", help="when daily backups begin, in the time of this machine; off: never")
    what = service.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", help="print the unit and change nothing")
    what.add_argument("--uninstall", action="store_true", help="stop the service and delete its unit; data stays")
    tasks.add_parser("migrate", help="apply the migrations of sql/")
    reset = tasks.add_parser("reset", help="stop everything and delete all data")
    reset.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    logs = tasks.add_parser("logs", help="print logs of servers and functions")
    logs.add_argument("name", nargs="?", metavar="NAME", help="a server or a function; without it, list the names")
    logs.add_argument("-f", "--follow", action="store_true", help="print new lines as they arrive")
    logs.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="number of lines (default: 100)")
    mail = tasks.add_parser("mail", help="print the newest e-mail")
    mail.add_argument("--to", default="", metavar="ADDRESS", help="the newest e-mail to this address")
    mail.add_argument("--link", action="store_true", help="print only its link")
    admin = tasks.add_parser("admin", help="make an account an administrator: ./taskw admin you@example.com")
    admin.add_argument("address", metavar="ADDRESS", help="the account's e-mail address")
    certificates = tasks.add_parser("certificates", help="show the certificates of the platform's names that Capsule orders")
    certificates.add_argument("--renew", action="store_true", help="order them now, and say what happens; also to try a DNS hook")
    add_backup_parsers(tasks)
    rotate = tasks.add_parser("rotate", help="replace passwords and keys while Capsule serves")
    rotate.add_argument("name", nargs="?", metavar="NAME", help="what to rotate, or all; without it, list the names and their age")
    rotate.add_argument("--force", action="store_true", help="signing: rotate again although tokens of the former key may be valid; they are refused")
    advance = tasks.add_parser("advance-billing", help="let days pass for billing, to try the end of a period (not with a real Stripe account)")
    advance.add_argument("days", type=int, metavar="DAYS", help="days to add to billing's clock")
    demo = tasks.add_parser("demo", help="deploy a sample, from registration to the bill")
    demo.add_argument("repository", nargs="?", metavar="REPOSITORY", help="deploy this git repository instead (or REPO=…)")
    return top


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
