"""The certificates of the platform's own names that Capsule orders, and the hook that it needs."""

from collections.abc import Iterator
from datetime import datetime

from knative.local.ordered_certificates import OrderedCertificate, OrderState, ordered_certificates
from knative.machine import dns_hook
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.platform_certificates import find_problem

CHECK = "wildcard"
REMEDY = "./taskw certificates --renew orders it now and says what happens."


def check(home: Home, now: datetime) -> Iterator[Finding]:
    if (hook := dns_hook.path(home)) is not None and (fault := dns_hook.find_fault(hook)):
        yield Finding(CHECK, Level.FAULT, *fault)
    for each in ordered_certificates(home.path, home.environment):
        yield decide(each, each.state, now)


def decide(ordered: OrderedCertificate, state: OrderState, now: datetime) -> Finding:
    if problem := find_problem(ordered, state, now):
        return Finding(CHECK, Level.FAULT if problem[1] else Level.WARNING, problem[0], REMEDY)
    assert state.expires_at is not None and state.next_attempt_at is not None
    summary = f"{', '.join(ordered.hosts)}: of {state.issuer} until {state.expires_at:%Y-%m-%d}, renewed on {state.next_attempt_at:%Y-%m-%d}"
    return Finding(CHECK, Level.GOOD, summary)
