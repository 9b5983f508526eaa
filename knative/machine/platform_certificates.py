"""`./taskw certificates`: show the certificates of the platform's own names that Capsule orders; `--renew` orders them now."""

from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from knative.local.ordered_certificates import OrderedCertificate, OrderState, ordered_certificates
from knative.machine import dns_hook
from knative.machine.home import Home
from knative.machine.problems import Problem

NONE = "Capsule orders no certificate for names of the platform."
HOW = "Set CAPSULE_HTTPS=on, CAPSULE_ACME_DIRECTORY and CAPSULE_DNS_HOOK: docs/domains.md, The DNS hook."


def certificates(home: Home, console: Console, *, renews: bool) -> bool:
    """Print them. Returns whether each is there and not about to expire. Raises: Problem, InvalidSetting."""
    found = ordered_certificates(home.path, home.environment)
    if not found:
        raise Problem(NONE, HOW)
    dns_hook.check(home)
    if renews:
        from knative.platform_certificates.orders import Orders  # the signing library and an ACME client

        Orders(home.environment).renew(found, is_forced=True)
    for each in found:
        for line in describe(each, each.state):
            console.print(line, soft_wrap=True)
    return not any(find_problem(each, each.state, datetime.now(UTC)) for each in found)


def describe(ordered: OrderedCertificate, state: OrderState) -> list[str]:
    """Rich markup."""
    lines = [f"[bold]{escape(', '.join(ordered.hosts))}[/]"]
    if state.expires_at is not None:
        lines.append(f"  of {escape(state.issuer)}, until {state.expires_at:%Y-%m-%d %H:%M} UTC")
    else:
        lines.append("  no certificate yet")
    if state.failure:
        lines.append(f"  [red]the last order failed ({state.failures}):[/] {escape(state.failure)}")
    if state.next_attempt_at is not None:
        lines.append(f"  next order: {state.next_attempt_at:%Y-%m-%d %H:%M} UTC")
    return lines


def find_problem(ordered: OrderedCertificate, state: OrderState, now: datetime) -> tuple[str, bool] | None:
    """What is wrong, and whether clients notice it already."""
    hosts = ", ".join(ordered.hosts)
    if state.expires_at is None or ordered.hosts != state.hosts:
        return f"There is no certificate for {hosts}" + (f": {state.failure}" if state.failure else " yet."), True
    if state.expires_at <= now:
        return f"The certificate for {hosts} expired on {state.expires_at:%Y-%m-%d}: {state.failure or 'no order since'}", True
    if state.failure:
        return f"The certificate for {hosts} ends on {state.expires_at:%Y-%m-%d} and was not renewed: {state.failure}", False
    return None
