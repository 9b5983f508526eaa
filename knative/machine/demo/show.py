"""What the demo says between the commands."""

from rich.console import Console


class Screen:
    def __init__(self, console: Console) -> None:
        self.console = console

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/]")

    def note(self, text: str) -> None:
        self.console.print(f"    {text}", soft_wrap=True)


def money(amount: dict[str, int | str]) -> str:
    """Minor units as people write them; the sample plans' currency has two decimals."""
    return f"{int(amount['amount']) / 100:.2f} {amount['currency']}"
