"""The table is valid, and outcomes are judged as docs/corpus.md says."""

import subprocess
from pathlib import Path

import pytest

from tests.corpus.availability import is_complete
from tests.corpus.outcome import ANSWERS, FALSE_SUCCESS, NOT_TRIED, REFUSED, Answer, Deployment, Outcome, again, judge, not_tried, summarize, table
from tests.corpus.table import Row, TableError, load, parse, select

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FAILED = """Deploying app (main) to staging
   │ ==> Recognized python (requirements.txt)
✗ Deployment failed before taking traffic: exits-at-start
  Process exited with code 1 before listening on $PORT. Last output: the setting
  DATABASE is missing
  → capsule logs --deployment 01a2 --app app
"""
REQUIRED = (
    *(f"heroku/{name}-getting-started" for name in ("python", "node-js", "go", "ruby", "php", "java")),
    *(f"digitalocean/sample-{name}" for name in ("django", "golang", "nextjs", "react", "dockerfile", "monorepo")),
    *(f"render-examples/{name}" for name in ("fastapi", "flask-hello-world", "express-hello-world")),
    *("mdn/django-locallibrary-tutorial", "mdn/express-locallibrary-tutorial", "gothinkster/", "miguelgrinberg/microblog"),
    *("nestjs/typescript-starter", "streamlit/streamlit-hello", "astral-sh/uv-fastapi-example", "dokku/smoke-test-app"),
    *("socketio/chat-example", "coollabsio/coolify-examples"),
)


def row(**fields: object) -> Row:
    return parse("someone/something", {"commit": COMMIT, "plan": "python", **fields})


def succeeded(status: int, text: str) -> Deployment:
    return Deployment(0, "   │ ==> Recognized python (requirements.txt)\n✓ r1 serving in staging", 12.0, Answer(status, text))


@pytest.mark.parametrize("name", REQUIRED)
def test_the_table_contains_the_well_known_repositories(name: str) -> None:
    assert any(each.repository.startswith(name) for each in load())


def test_the_table_is_valid_and_large() -> None:
    assert len(load()) >= 60


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("something", {}, "owner/name"),
        ("a/b", {"commit": "main"}, "40 hexadecimal digits"),
        ("a/b", {"plan": "cobol"}, "plan 'cobol'"),
        ("a/b", {"plan": ""}, "plan ''"),
        ("a/b", {"needs": ["cpan"]}, "needs: use"),
        ("a/b", {"expect": "answers"}, "unknown fields expect"),
        ("a/b", {"refused": "Elixir", "runs_on": ["heroku"]}, "exclude each other"),
    ],
)
def test_a_row_that_is_not_valid_is_named_with_its_field(name: str, fields: dict[str, object], message: str) -> None:
    with pytest.raises(TableError, match=message):
        parse(name, {"commit": COMMIT, "plan": "python", **fields})


def test_a_pattern_without_a_row_is_named() -> None:
    with pytest.raises(TableError, match='No row contains "heorku"'):
        select(load(), ["heorku"])


def test_a_success_whose_url_answers_with_the_expected_page_answers() -> None:
    outcome = judge(row(text="Hello"), succeeded(200, "<h1>Hello</h1>"))
    assert (outcome.result, outcome.plan, outcome.is_expected) == (ANSWERS, "python", True)


@pytest.mark.parametrize("answer", [Answer(502, "Bad Gateway"), Answer(200, "Index of /"), None])
def test_a_success_whose_url_shows_something_else_is_a_false_success(answer: Answer | None) -> None:
    outcome = judge(row(text="Hello"), Deployment(0, "", 12.0, answer))
    assert outcome.result == FALSE_SUCCESS
    assert not outcome.is_expected
    assert not summarize([outcome]).is_good


def test_another_plan_than_the_expected_one_is_shown_as_a_difference() -> None:
    outcome = judge(row(plan="node"), succeeded(200, ""))
    assert outcome.result == ANSWERS
    assert not outcome.is_expected
    assert "python (expected node)" in table([outcome])


def test_a_failure_is_reported_with_the_sentence_that_the_user_saw() -> None:
    outcome = judge(row(), Deployment(1, FAILED, 9.0))
    sentence = "Deployment failed before taking traffic: exits-at-start Process exited with code 1 before listening on $PORT. "
    assert (outcome.result, outcome.sentence) == (REFUSED, f"{sentence}Last output: the setting DATABASE is missing")
    assert not outcome.is_expected


def test_a_refusal_is_expected_when_it_names_its_cause() -> None:
    assert judge(row(refused="DATABASE"), Deployment(1, FAILED, 9.0)).is_expected
    assert not judge(row(refused="PORT is taken"), Deployment(1, FAILED, 9.0)).is_expected
    assert not judge(row(refused="DATABASE"), succeeded(200, "")).is_expected


def test_a_version_that_cannot_be_fetched_is_not_counted() -> None:
    deployment = Deployment(1, "✗ Deployment failed: version-unavailable\n  Python 3.14 is not available.\n", 5.0)
    assert judge(row(), deployment, ["python-builds"]).result == NOT_TRIED
    assert judge(row(), deployment).result == REFUSED


def test_nine_of_ten_rows_that_another_platform_runs_must_answer() -> None:
    counted = row(runs_on=["heroku"])
    good, bad = Outcome(counted, ANSWERS, plan="python"), Outcome(counted, REFUSED, "why")
    uncounted = [not_tried(counted, ["npm"]), Outcome(row(), REFUSED, "why")]
    assert summarize([*[good] * 9, bad, *uncounted]).is_good
    assert not summarize([*[good] * 8, bad, *uncounted]).is_good
    assert str(summarize([*[good] * 9, bad, *uncounted])) == (
        "11 tried, 9 as expected. Of 10 that Heroku or Railpack run, 9 answer (90 %, at least 90 %). 0 false ✓."
    )


def test_rows_that_ran_again_replace_their_own_and_no_others() -> None:
    first, second, third = (Outcome(parse(f"a/{name}", {"commit": COMMIT, "plan": "python"}), ANSWERS, "", "python", 9.0) for name in "xyz")
    former = f"2026-11-01: 2 tried.\n\n{table([first, second])}"
    changed = Outcome(second.row, REFUSED, "no | more", "python", 3.0)
    text = again(former, [changed, third], "2026-11-02")
    assert text.startswith("2026-11-01: 2 tried. 2026-11-02, again: a/y, a/z. 2 tried, 1 as expected.")
    assert text.endswith(table([first, changed, third]))


def test_a_mirror_that_lacks_a_file_of_the_commit_is_not_complete(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        return subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    run("init", "-q")
    (tmp_path / "large.bin").write_text("content")
    run("add", "large.bin")
    run("commit", "-q", "-m", "one")
    commit, file = run("rev-parse", "HEAD"), run("rev-parse", "HEAD:large.bin")
    git = tmp_path / ".git"
    assert is_complete(git, commit)
    is_complete.cache_clear()
    (git / "objects" / file[:2] / file[2:]).unlink()
    assert not is_complete(git, commit)
