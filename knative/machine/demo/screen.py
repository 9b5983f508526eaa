"""Headings and notes between the commands of the demo."""

from rich.console import Console


class Screen:
    """Prints headings and notes."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def heading(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/]")

    def note(self, text: str) -> None:
        self.console.print(f"    {text}", soft_wrap=True)


def money(amount: dict[str, int | str]) -> str:
    """Format an amount in minor units. The currencies of the seeded plans have two decimals."""
    return f"{int(amount['amount']) / 100:.2f} {amount['currency']}"
