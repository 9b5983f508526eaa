"""What the demo prints: answers, log lines, the bill, the timeline."""

import re
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

Json = dict[str, Any]
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Screen:
    def __init__(self, console: Console) -> None:
        self.console = console

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/]")

    def request(self, method: str, path: str, said: str, seconds: float | None = None) -> None:
        took = f"  [dim]{seconds * 1000:.0f} ms[/]" if seconds is not None else ""
        self.console.print(f"  [cyan]{method:<4}[/] {path:<44} {escape(said)}{took}", soft_wrap=True)

    def note(self, text: str) -> None:
        self.console.print(f"       {text}", soft_wrap=True)

    def line(self, text: str) -> None:
        self.console.print(f"     [dim]│[/] {escape(text)}", soft_wrap=True)

    def bill(self, bill: Json, application: str) -> None:
        plan = bill["plan"]
        self.note(f"plan [bold]{escape(plan['name'])}[/], {money(plan['fee'])} a month")
        for line in bill["lines"]:
            mine = "  ← this application" if line["applicationId"] == application else ""
            self.line(f"{line['environment']:<12} {line['requests']:>6} requests {line['cpuMilliseconds']:>8} CPU ms  {money(line['amount'])}{mine}")
        self.note(f"to pay so far: [bold]{money(bill['total'])}[/]")

    def timeline(self, timeline: Json) -> None:
        begin = datetime.fromisoformat(timeline["begin"])
        self.console.print("       [dim]     at      took[/]")
        for entry in timeline["entries"]:
            after = (datetime.fromisoformat(entry["at"]) - begin).total_seconds()
            name = UUID.sub("…", entry["name"])
            cold = " [blue](cold)[/]" if entry["cold"] else ""
            emitted = " [green]→ " + escape(", ".join(entry["emitted"])) + "[/]" if entry["emitted"] else ""
            good = entry["outcome"] in ("done", "published", "sent", "ok") or entry["outcome"][:1] in "23"
            outcome = "" if good else f" [yellow]{escape(entry['outcome'])}[/]"
            line = f"{'  ' * entry['depth']}{entry['kind']} [bold]{escape(name)}[/]{cold}{outcome}{emitted}"
            self.console.print(f"       {after:5.3f} s {entry['durationMs']:6.0f} ms  {line}", soft_wrap=True)


def money(amount: Json) -> str:
    """Minor units as people write them; every currency of ours has two decimals."""
    return f"{amount['amount'] / 100:.2f} {amount['currency']}"
