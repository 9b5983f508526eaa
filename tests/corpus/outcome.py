"""What became of a row, and what the corpus says as a whole. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.corpus.table import Row

MIN_ANSWERING = 0.9
"""Share of the rows that another platform runs."""
VERSION_UNAVAILABLE = "version-unavailable"
INTERNAL_ERROR = "Internal error of the builder"
"""Never what a row expects, whatever else the message names."""
RECOGNIZED = re.compile(r"==> Recognized (?P<plan>[a-z]+)")
FAILURE = re.compile(r"^✗ (?P<title>[^\n]*)\n?(?P<detail>(?:  (?!→)[^\n]*\n?)*)", re.MULTILINE)
BUILD_FAILURE = re.compile(r"==> Failed \([a-z-]+\): (?P<detail>[^\n]*)")
FRAME = re.compile(r"[╭╮╰╯│─]+")
"""Frames around the messages of a command that was used wrongly."""
ANSWERS, REFUSED, FALSE_SUCCESS, NOT_TRIED = "answers", "refused", "false ✓", "not tried"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application's URL answered."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a user saw of `capsule deploy`, and the answer of the URL after a success."""

    exit_code: int
    output: str
    seconds: float
    answer: Answer | None = None

    @property
    def plan(self) -> str:
        match = RECOGNIZED.search(self.output)
        return match["plan"] if match else ""

    @property
    def sentence(self) -> str:
        """The failure's title and detail, as one line. A build's detail is in its log, and the title does not repeat it."""
        match, logged = FAILURE.search(self.output), BUILD_FAILURE.search(self.output)
        if match is None:
            return " ".join(FRAME.sub(" ", self.output).split())[-300:]
        return " ".join(f"{match['title']} {match['detail'] or (logged['detail'] if logged else '')}".split())


@dataclass(frozen=True, slots=True)
class Outcome:
    row: Row
    result: str
    sentence: str = ""
    plan: str = ""
    seconds: float = 0.0

    @property
    def is_expected(self) -> bool:
        """Whether result, plan and sentence are those of the table. A row that was not tried has none."""
        if self.result == REFUSED:
            is_own_fault = INTERNAL_ERROR in self.sentence
            return (
                bool(self.row.refused) and not is_own_fault and self.row.refused.lower() in self.sentence.lower() and self.plan in ("", self.row.plan)
            )
        return self.result == ANSWERS and not self.row.refused and self.plan in ("", self.row.plan)


def not_tried(row: Row, missing: Sequence[str]) -> Outcome:
    return Outcome(row, NOT_TRIED, f"needs {', '.join(missing)}")


def judge(row: Row, deployment: Deployment, missing_toolchains: Sequence[str] = ()) -> Outcome:
    """The outcome of a deployment. `missing_toolchains`: what the row needs if the machine lacks a version, and what is out of reach."""
    if deployment.exit_code != 0:
        if missing_toolchains and VERSION_UNAVAILABLE in deployment.output:
            return not_tried(row, missing_toolchains)
        return Outcome(row, REFUSED, deployment.sentence, deployment.plan, deployment.seconds)
    fault = find_fault(row, deployment.answer)
    return Outcome(row, FALSE_SUCCESS if fault else ANSWERS, fault, deployment.plan, deployment.seconds)


def find_fault(row: Row, answer: Answer | None) -> str:
    """What is wrong with the answer of the URL; empty: nothing."""
    if answer is None:
        return f"{row.path} did not answer"
    beginning = " ".join(answer.text.split())[:120]
    if answer.status != row.status:
        return f"{row.path} answered {answer.status}, expected {row.status}: {beginning}"
    if row.text not in answer.text:
        return f'{row.path} answered {answer.status} without "{row.text}": {beginning}'
    return ""


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over all outcomes. `counted`: tried rows that another platform runs."""

    tried: int
    expected: int
    counted: int
    answering: int
    false_successes: int

    @property
    def is_good(self) -> bool:
        return self.false_successes == 0 and self.answering >= MIN_ANSWERING * self.counted

    def __str__(self) -> str:
        share = f" ({100 * self.answering / self.counted:.0f} %, at least {100 * MIN_ANSWERING:.0f} %)" if self.counted else ""
        return (
            f"{self.tried} tried, {self.expected} as expected. Of {self.counted} that Heroku or Railpack run, {self.answering} answer{share}. "
            f"{self.false_successes} false ✓."
        )


def summarize(outcomes: Sequence[Outcome]) -> Summary:
    tried = [each for each in outcomes if each.result != NOT_TRIED]
    counted = [each for each in tried if each.row.runs_on]
    return Summary(
        len(tried),
        sum(each.is_expected for each in tried),
        len(counted),
        sum(each.result == ANSWERS for each in counted),
        sum(each.result == FALSE_SUCCESS for each in tried),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table of all outcomes."""
    lines = ["| Repository | Plan | Expected | Result | Seconds | What the user saw |", "|---|---|---|---|--:|---|"]
    for each in outcomes:
        mark = "" if each.result == NOT_TRIED or each.is_expected else "**"
        plan = each.plan if each.plan in ("", each.row.plan) else f"{each.plan} (expected {each.row.plan or 'none'})"
        seconds = f"{each.seconds:.0f}" if each.seconds else ""
        cells = (each.row.name, plan or each.row.plan, each.row.expected, f"{mark}{each.result}{mark}", seconds, _shorten(each.sentence))
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


def again(former: str, outcomes: Sequence[Outcome], day: str) -> str:
    """The former summary and table with the rows of these outcomes in place of those of the same repositories, and a line that says so."""
    text, head, rows = former.partition("| Repository |")
    columns, rule, *lines = f"{head}{rows}".splitlines()
    new = {_name_of(line): line for line in table(outcomes).splitlines()[2:]}
    kept = [new.pop(_name_of(line), line) for line in lines]
    names = ", ".join(each.row.name for each in outcomes)
    return "\n".join((f"{text.rstrip()} {day}, again: {names}. {summarize(outcomes)}\n", columns, rule, *kept, *new.values()))


def _name_of(line: str) -> str:
    return line.split("|")[1].strip()


def _shorten(text: str, max_characters: int = 220) -> str:
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"
