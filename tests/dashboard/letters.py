"""Dead letters of all contexts in memory, behind the functions that list and settle them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from functions.kernel import Caller, Clock, new_id
from functions.kernel.declaration import Declaration
from functions.runtime.reliability.dead_letters import Cause, DeadLetter, Selection


@dataclass
class MemoryStore:
    """One context's letters: as `DeadLetters`, without a database."""

    clock: Clock
    rows: dict[UUID, DeadLetter] = field(default_factory=dict)
    actions: list[tuple[UUID, str, str | None, str, datetime]] = field(default_factory=list)

    def _selected(self, selection: Selection) -> list[DeadLetter]:
        chosen = [
            row
            for row in self.rows.values()
            if (selection.ids is None or row.id in selection.ids)
            and selection.function in (None, row.function)
            and selection.error in (None, row.error)
            and selection.state in (None, row.state)
        ]
        return sorted(chosen, key=lambda row: row.died_at)

    async def causes(self, selection: Selection) -> list[Cause]:
        chosen = self._selected(selection)
        causes = Counter((row.function, row.error) for row in chosen)
        times = {cause: [row.died_at for row in chosen if (row.function, row.error) == cause] for cause in causes}
        return [Cause(*cause, count, min(times[cause]), max(times[cause])) for cause, count in causes.most_common()]

    async def select(self, selection: Selection, limit: int, lock: bool = False) -> list[DeadLetter]:
        return self._selected(selection)[:limit]

    async def history(self, letter_id: UUID) -> Sequence[tuple[str, str | None, str, datetime]]:
        return [(action, actor, detail, at) for id, action, actor, detail, at in self.actions if id == letter_id]

    async def close(self, letter: DeadLetter, state: str, actor: str) -> None:
        self.rows[letter.id] = replace(self.rows[letter.id], state=state)
        self.actions.append((letter.id, state, actor, "", self.clock.now()))

    async def edit(self, letter: DeadLetter, body: bytes, actor: str) -> None:
        self.rows[letter.id] = replace(self.rows[letter.id], body=body)
        self.actions.append((letter.id, "edited", actor, "", self.clock.now()))


class PlainSigner:
    def sign(self, headers: Mapping[str, str], body: bytes) -> str:
        return f"signature of {headers['id']}"


@dataclass
class MemoryLetters:
    """`replayed`: messages that left for their function."""

    stores: dict[str, MemoryStore] = field(default_factory=dict)
    replayed: list[Any] = field(default_factory=list)

    def store(self, context: str, clock: Clock) -> MemoryStore:
        return self.stores.setdefault(context, MemoryStore(clock))

    def add(self, function: str, error: str, clock: Clock, body: bytes = b'{"userId": "42"}') -> UUID:
        id = new_id()
        headers = {"id": str(new_id()), "type": "user.created", "correlationid": "correlation-1"}
        letter = DeadLetter(id, function, "user.created", error, "it did not work", 5, "open", clock.now(), headers, body, "Traceback …")
        self.store(function.partition(".")[0], clock).rows[id] = letter
        return id

    def count_open(self, context: str) -> int:
        return sum(row.state == "open" for row in self.stores[context].rows.values()) if context in self.stores else 0

    async def call(self, declaration: Declaration, request: Any, caller: Caller | None, clock: Clock) -> Any:
        """Run the declared function, as the runtime does. Raises its rejections."""
        declaration.authorize(caller, clock.now())
        dependencies = {"letters": self.store(declaration.context, clock), "replay_signer": PlainSigner(), "caller": caller, "clock": clock}
        result = await declaration.handler(request, **{name: dependencies[name] for name in declaration.dependencies})
        if not hasattr(result, "events"):
            return result
        self.replayed += [each for each in result.events if hasattr(each, "function")]
        return result.output
