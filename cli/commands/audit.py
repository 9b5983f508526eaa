"""The audit log: list, export and verify."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from cli.audit_chain import FIRST_HASH, Head, export_lines, verify
from cli.client import Json
from cli.declaration import command, subcommands
from cli.failures import Failure, UsageError
from cli.lookup import is_full_id
from cli.render import audit as render
from cli.session import Session

User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Only of this user or service account.")]
Action = Annotated[str | None, typer.Option("--action", metavar="NAME", help="Only this function, such as deploy.roll_back, or this context.")]
Target = Annotated[str | None, typer.Option("--target", metavar="PATH", help="Only this resource and what is below it, such as apps/ID.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only from this time on, such as 2026-11-29T12:00:00Z.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only before this time.")]
Lines = Annotated[int, typer.Option("--lines", "-n", min=1, max=200, metavar="N", help="How many of the last entries.")]
After = Annotated[int, typer.Option("--after", min=0, metavar="N", help="Begin after this entry.")]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a new file.", show_default="standard output")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A file of `capsule audit export`.", exists=True, dir_okay=False)]
NotedHead = Annotated[str | None, typer.Option("--head", metavar="N:HASH", help="A head that you noted earlier: the file must contain it.")]


def declare(app: typer.Typer) -> None:
    audit = subcommands(app, "audit", "List, export and verify the audit log.")
    command(audit, "list")(list_entries)
    command(audit, "export")(export)
    command(audit, "verify")(verify_file)


def list_entries(
    session: Session,
    user: User = None,
    action: Action = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    lines: Lines = 50,
) -> None:
    """List who did what, the last entry first.

    You see your own actions, and failed sign-ins to your account. Administrators see those of everybody.
    """
    if user is not None and not is_full_id(user):
        raise UsageError(f'"{user}" is not the id of a user', hint="capsule admin users list")
    query = {"userId": user, "action": action, "target": target, "since": since, "until": until, "limit": lines}
    items = session.api.page("/v1/audit", **query)
    session.output.show(items, render.entries(items))
    session.output.next_step("capsule timeline CORRELATION-ID", "capsule audit export --output audit.jsonl")


def export(session: Session, after: After = 0, output: OutputFile = None) -> None:
    """Export the audit log as JSON lines (admins).

    Note the head that is printed at the end, elsewhere: nobody can shorten or rewrite the log up to it without `verify` showing it.
    """
    if output is not None and output.exists():
        raise UsageError(f"{output} exists", hint="Name a new file.")
    head = Head(after, FIRST_HASH)
    with output.open("x", encoding="utf-8", newline="\n") if output is not None else nullcontext(sys.stdout) as file:
        page = session.api.get("/v1/audit/chain", after=max(after - 1, 0), limit=1)
        removed = Head(page.get("removedThrough", 0), page.get("removedHash", FIRST_HASH))
        if after <= removed.sequence:
            after, previous_hash = removed.sequence, removed.hash
        elif page["items"] and page["items"][0]["entry"]["sequence"] == after:
            previous_hash = page["items"][0]["hash"]
        else:
            raise UsageError(f"The audit log has no entry {after}", hint="capsule audit list")
        if removed.sequence and after == removed.sequence:
            session.output.note(f"Entries up to {after} were removed after their retention: the file begins behind them.")
        for line in export_lines(after, previous_hash, _chain(session, after)):
            file.write(f"{line}\n")
            head = Head.of_line(line) or head
    session.output.note(f"✓ Exported. Head: {head}")
    session.output.next_step("capsule audit verify FILE")


def verify_file(session: Session, file: File, head: NotedHead = None) -> None:
    """Verify an exported audit log, without a server.

    Says where a chain breaks: entries that were changed, left out, reordered or cut off.
    """
    noted = Head.parse(head) if head is not None else None
    if head is not None and noted is None:
        raise UsageError(f'"{head}" is not a head', hint="Pass what `capsule audit export` has printed, such as 1234:3fa9….")
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            result = verify(lines, noted)
    except UnicodeDecodeError as error:
        raise Failure("The audit log does not verify", f"{file} is not UTF-8: it was changed at byte {error.start} of a block.") from error
    if result.faults:
        faults = "\n".join(f"line {fault.line}: {fault.text}" for fault in result.faults)
        raise Failure("The audit log does not verify", faults, hint="Compare with an earlier export, and with the heads that you noted.")
    document = {
        "entries": result.entries,
        "erased": result.erased,
        "after": result.after,
        "begin": str(result.begin),
        "head": str(result.head),
        "removedOn": result.removed_on,
    }
    session.output.show(document, render.verified(document))


def _chain(session: Session, after: int) -> Iterator[Json]:
    while True:
        page = session.api.get("/v1/audit/chain", after=after, limit=500)
        if not page["items"]:
            return
        if page["items"][0]["entry"]["sequence"] != after + 1:
            raise Failure("The export is not complete", "Entries were removed after their retention meanwhile.", hint="Export again.")
        yield from page["items"]
        after = page["items"][-1]["entry"]["sequence"]
