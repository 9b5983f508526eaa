"""What the runtime itself offers to contexts."""


class MemoryHousekeeping:
    """Counts its runs: the runtime's own tables (inbox, outbox) do not exist in memory."""

    def __init__(self) -> None:
        self.runs = 0

    async def sweep(self) -> None:
        self.runs += 1
