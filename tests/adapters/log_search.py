"""Log lines with odd content, and which of them each search finds: what `test_log_search.py` stores and asks for.

The fields that find a line are written down by hand for each kind of line. No answer comes from code of ours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from functions.monitor.domain.labels import Workload
from functions.monitor.domain.logs import LogFilter, LogLine
from functions.monitor.domain.search import Terms, conditions

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
BIG = 100
"""One line in BIG is of the kinds that are thousands of characters long."""

HUGE = f"amount=1{'0' * 400}"
"""jsonb writes numbers out, also those beyond a float."""

FIELD_SEARCHES = (
    *("level=error", "level!=error", "http.status=503", "http.status=503,level!=info", "tags.1=db", "ok=true", HUGE, "n=7"),
    *("deep.deep.deep!=1", "level=no-such-level", "a.b.c.d.e.f=1"),
)
TEXT_SEARCHES: dict[str, Callable[[str], bool]] = {
    "timeout": lambda lower: "timeout" in lower,
    '"connection reset"': lambda lower: "connection reset" in lower,
    '"connection reset" -peer': lambda lower: "connection reset" in lower and "peer" not in lower,
    "-level": lambda lower: "level" not in lower,
    "TIMEOUT upstream": lambda lower: "timeout" in lower and "upstream" in lower,
    "50%_done": lambda lower: "50%_done" in lower,
    "\\u0000": lambda lower: "\\u0000" in lower,
    "ΟΔΟΣ": lambda lower: "οδος" in lower,  # sigma has two lower cases
    "no-such-text": lambda lower: False,
}
"""By search: whether a line, in lower case, is found."""


@dataclass(frozen=True)
class Kind:
    """A line, and the searches that find it."""

    line: str
    fields: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


def _kind(line: str, *found: str) -> Kind:
    assert set(found) <= set(FIELD_SEARCHES), line
    return Kind(line, frozenset(found), frozenset(search for search, finds in TEXT_SEARCHES.items() if finds(line.lower())))


OTHER = ("level!=error", "deep.deep.deep!=1")
"""What finds each JSON object without these fields: a field that is missing is not the value."""

KINDS = (
    _kind(
        '{"level": "error", "http": {"status": 503}, "msg": "upstream timeout"}',
        *("level=error", "http.status=503", "http.status=503,level!=info", "deep.deep.deep!=1"),
    ),
    _kind('{"level": "info", "http": {"status": 503}}', "http.status=503", *OTHER),
    _kind('{"level": "info", "ok": true, "tags": ["slow", "db"], "n": 7}', "ok=true", "tags.1=db", "n=7", *OTHER),
    _kind('{"level": "info", "level": "error"}', "level=error", "deep.deep.deep!=1"),
    _kind('{"level": "error", "level": null}', *OTHER),
    _kind('{"level": ["error"]}', *OTHER),
    _kind('{"level": "err\\u0000or"}'),  # PostgreSQL's jsonb has no NUL: the line is text
    _kind('{"level": "error", "s": "\\ud800"}'),  # half a surrogate pair
    _kind('{"level": "error"'),
    _kind('{"level": "error"} trailing'),
    _kind("{'level': 'error'}"),
    _kind('{"level": error, "n": 01}'),
    _kind('{"amount": 1e400}', HUGE, *OTHER),
    _kind('{"amount": 1e999999999, "level": "error"}'),
    _kind('{"n": 123456789012345678901234567890.5, "level": "x"}', *OTHER),
    _kind('{"n": 7.0, "amount": -0}', *OTHER),
    _kind('{"deep": {"deep": {"deep": 1}}, "level": "error"}', "level=error"),
    _kind('{"a": {"b": {"c": {"d": {"e": {"f": "1"}}}}}}', "a.b.c.d.e.f=1", *OTHER),
    _kind('{"tags": {"1": "db"}}', "tags.1=db", *OTHER),
    _kind("{}", *OTHER),
    _kind("[1, 2]"),
    _kind('[{"level": "error"}]'),
    _kind('"level=error"'),
    _kind("null"),
    _kind(""),
    _kind("upstream Connection Reset by peer"),
    _kind("connection reset, request timeout"),
    _kind("Compiling 50%_DONE \\"),
    _kind("a level of \x01\x1b[31mred\x1b[0m \x7f bytes"),
    _kind("η οδός ΟΔΟΣ"),
)
LONG_KINDS = (
    _kind('{"level": "error", "deep": ' + '{"deep":' * 900 + "1" + "}" * 901, "level=error", "deep.deep.deep!=1"),
    _kind('{"level": "error", "deep": ' + "[" * 30_000 + "]" * 30_000 + "}"),
    _kind('{"deep":' * 4_000),
    _kind('{"' + "k" * 20_000 + '": 1, "level": "error"}', "level=error", "deep.deep.deep!=1"),
    _kind('{"level": "' + "error" * 4_000 + '"}', *OTHER),
    _kind("[" * 20_000),
    _kind('{"amount": ' + "9" * 20_000 + ', "level": "error"}', "level=error", "deep.deep.deep!=1"),
)


class Corpus:
    """`count` lines. Half are of one application, the others of many. One line says `needle`, in text and as a field."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.big, self.others = uuid4(), [uuid4() for _ in range(20)]
        self.needle = f"needle{count}"

    def kind(self, number: int) -> Kind:
        if number % (2 * BIG) == 0:
            return LONG_KINDS[number // (2 * BIG) % len(LONG_KINDS)]
        return KINDS[number // 2 % len(KINDS)]

    def application(self, number: int) -> UUID:
        return self.big if number % 2 == 0 else self.others[number // 2 % len(self.others)]

    def line(self, number: int) -> LogLine:
        text = f'{{"id": "{self.needle}"}}' if number == self.count // 50 * 2 else self.kind(number).line
        at = START + timedelta(hours=5) * number / self.count
        return LogLine(at, Workload(self.application(number), "production", None, "run"), "pod", "container", "stdout", text)

    def batches(self, size: int = 10_000) -> Iterator[list[LogLine]]:
        for first in range(0, self.count, size):
            yield [self.line(number) for number in range(first, min(first + size, self.count))]

    def newest(self, search: str, limit: int) -> list[str]:
        """The newest lines of the big application that this search finds, oldest first."""
        found: list[str] = []
        for number in range(self.count - 2 + self.count % 2, -1, -2):
            if number != self.count // 50 * 2 and (search in self.kind(number).fields or search in self.kind(number).texts):
                found.append(self.kind(number).line)
                if len(found) == limit:
                    break
        return found[::-1]

    def filters(self) -> dict[str, LogFilter]:
        """By search: those of the kinds, and two that find the needle alone."""
        return {
            **{search: LogFilter(self.big, fields=conditions(search)) for search in FIELD_SEARCHES},
            **{search: LogFilter(self.big, terms=Terms.read(search)) for search in TEXT_SEARCHES},
            f"id={self.needle}": LogFilter(self.big, fields=conditions(f"id={self.needle}")),
            self.needle.upper(): LogFilter(self.big, terms=Terms.read(self.needle.upper())),
        }
