"""What `up` prints at its end: where Capsule answers, where e-mails go, the five commands of a first deployment, and what this machine lacks."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.markup import escape

from functions.runtime.config.variables import MAIL_URL
from knative.machine.home import LOOPBACK, PROJECT, Home, amqp_variable

WIDTH = 78
CAPSULE = ".venv/bin/capsule"


def next_steps(home: Home, sample_url: str) -> Iterator[str]:
    """Lines of Rich markup, at most 80 columns except for long paths."""
    yield f"Dashboard    {home.http}://dashboard.localhost:{home.ports.ingress}"
    yield f"API          {home.gateway_url}, documentation at /docs"
    if home.environment.get(MAIL_URL.name):
        yield "E-mails      are sent as CAPSULE_MAIL_URL says"
    else:
        yield f"E-mails      {_short(home)}: print the newest with ./taskw mail"
        yield f"{'':<13}{home.http}://dashboard.localhost:{home.ports.ingress}/operations/mailbox (admins)"
    yield f"RabbitMQ     http://{LOOPBACK}:{home.ports.management}, user capsule"
    yield f"{'':<13}password in {_short(home, 'secrets/rabbitmq.password')}"
    yield from isolation(home)
    if sharing := home.sharing_amqp_users:
        yield f"[bold red]{shared_user(sharing)}[/]"
    yield ""
    yield "Deploy a first application:"
    yield ""
    if home.ports.offset or home.has_https:
        yield f"  export CAPSULE_API={home.gateway_url}"
    if home.has_https:
        yield f"  export CAPSULE_CA_FILE={_short(home, 'tls/ca.crt')}"
    yield f"  {CAPSULE} register --email you@example.com"
    yield f'  {CAPSULE} verify "$(./taskw mail --link --to you@example.com)"'
    yield f"  {CAPSULE} login --email you@example.com"
    yield f"  {CAPSULE} apps create hello {sample_url}"
    yield f"  {CAPSULE} deploy --app hello"
    yield ""
    yield "See what runs: ./taskw status. Stop: ./taskw down. A tour: ./taskw demo"


def isolation(home: Home) -> Iterator[str]:
    """How this machine isolates applications, as knative/local determined at start; red when only one tenant is safe."""
    text = (home.path / "knative" / "isolation").read_text().strip()
    style = "bold red" if text.startswith("single-tenant mode") else "dim"
    lines = textwrap.wrap(text, WIDTH - 13)
    for number, line in enumerate(lines):
        yield f"{'' if number else 'Isolation':<12} [{style}]{escape(line)}[/]"


def shared_user(users: Sequence[str]) -> str:
    """The warning that several components share the RabbitMQ user of CAPSULE_AMQP_URL."""
    variables = ", ".join(map(amqp_variable, users))
    return f"One RabbitMQ user, that of CAPSULE_AMQP_URL, is shared by {', '.join(users)}. Give each its own: {variables}"


def _short(home: Home, path: str = "mail") -> str:
    """A path of the state folder, relative to the project where it lies inside."""
    full = home.path / path
    return str(full.relative_to(PROJECT)) if full.is_relative_to(PROJECT) else str(full)
