"""`doctor`: check what Capsule needs of this machine, and what an operator should know of it. Works whether Capsule is up or down.

Each check reads first and decides then: functions that decide are pure, take what was read, and return findings. A check that cannot read what it
needs is a finding itself; the others go on.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import psycopg
from rich.console import Console

from functions.wire.settings import InvalidSetting
from knative.machine.doctor import (
    at_rest,
    backups,
    certificates,
    domains,
    keys,
    mail,
    network,
    platform_certificates,
    programs,
    resources,
    service,
    services,
    stored,
)
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.problems import Problem

Check = Callable[[Home, datetime], Iterable[Finding]]
CHECKS: dict[str, Check] = {
    "programs": programs.check,
    "kernel": programs.check_kernel,
    "ports": network.check_ports,
    "disk": resources.check_disk,
    "memory": resources.check_memory,
    "clock": resources.check_clock,
    "mail": mail.check,
    "names": network.check_names,
    "domains": domains.check,
    "service": service.check,
    "firewall": network.check_firewall,
    "tls": certificates.check,
    "wildcard": platform_certificates.check,
    "keys": keys.check,
    "at rest": at_rest.check,
    "backups": backups.check,
    "services": services.check,
    "migrations": stored.check_migrations,
    "dead letters": stored.check_dead_letters,
    "outbox": stored.check_outbox,
}
"""In the order in which they are printed."""


def doctor(home: Home, console: Console, *, as_json: bool = False, show_all: bool = False) -> bool:
    """Run all checks, print their findings, and return whether nothing must be mended."""
    found = list(findings(home))
    is_healthy = all(each.level is not Level.FAULT for each in found)
    if as_json:
        document = {"healthy": is_healthy, "findings": [each.document() for each in found]}
        console.print(json.dumps(document, indent=1), markup=False, soft_wrap=True)
        return is_healthy
    for each in found:
        for line in each.lines(show_all=show_all):
            console.print(line, soft_wrap=True)
    count = sum(each.level is Level.FAULT for each in found)
    warnings = sum(each.level is Level.WARNING for each in found)
    console.print(f"\n{count} to mend, {warnings} {'warning' if warnings == 1 else 'warnings'}. Details: ./taskw doctor --all")
    return is_healthy


def findings(home: Home, now: datetime | None = None) -> Iterator[Finding]:
    now = now or datetime.now(UTC)
    for name, check in CHECKS.items():
        try:
            yield from check(home, now)
        except Problem as problem:
            yield Finding(name, Level.FAULT, problem.message, problem.remedy)
        except InvalidSetting as error:
            yield Finding(name, Level.FAULT, str(error), "All settings and their values: docs/settings.md")
        except psycopg.Error as error:
            yield Finding(name, Level.FAULT, f"not checked: PostgreSQL does not answer: {str(error).strip()}", "./taskw status")
        except (OSError, ValueError) as error:
            yield Finding(
                name, Level.FAULT, f"not checked: {error or type(error).__name__}", "Does the account of ./taskw doctor own the state folder?"
            )
