"""Migrations: atomic with their record, applied once under concurrency, refused after a change."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from knative.machine.migrations import Backend, migrate, migrations
from knative.machine.problems import Problem
from tests.servers import Databases


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    for folder in ("shared", "auth"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shared/V0__create_inbox.sql").write_text("CREATE TABLE inbox (id int);")
    (tmp_path / "auth/V2__add_name.sql").write_text("ALTER TABLE person ADD name text;\nCOMMENT ON TABLE person IS 'a; b';")
    (tmp_path / "auth/V1__create_people.sql").write_text("CREATE TABLE person (id int);")
    (tmp_path / "auth/V10__fill.sql").write_text("DO $$ BEGIN INSERT INTO person VALUES (1, 'Ada'); END $$;")
    return tmp_path


def test_shared_and_context_files_are_applied_once_ordered_by_version(postgres: Databases, sql: Path) -> None:
    url = postgres.empty("auth").owner_url
    assert migrate(url, "auth", sql) == ["V0__create_inbox.sql", "V1__create_people.sql", "V2__add_name.sql", "V10__fill.sql"]
    assert migrate(url, "auth", sql) == []
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM person").fetchall() == [("Ada",)]


def test_a_migration_prints_nothing(postgres: Databases, sql: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sql / "auth/V3__call.sql").write_text("SELECT pg_advisory_xact_lock(1), 'printed by yoyo';")
    migrate(postgres.empty("auth").owner_url, "auth", sql)
    assert capsys.readouterr().out == ""


def test_a_failing_migration_is_rolled_back_and_reported(postgres: Databases, sql: Path) -> None:
    url = postgres.empty("auth").owner_url
    (sql / "auth/V3__broken.sql").write_text("CREATE TABLE half (id int);\nCREATE TABEL whole (id int);")
    with pytest.raises(Problem, match=r"V3__broken.sql failed: .*TABEL"):
        migrate(url, "auth", sql)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
        assert connection.execute("SELECT max(migration_id) FROM schema_history").fetchone() == ("V2__add_name",)
    (sql / "auth/V3__broken.sql").write_text("CREATE TABLE whole (id int);")
    assert migrate(url, "auth", sql) == ["V3__broken.sql", "V10__fill.sql"]


def test_a_process_killed_before_the_record_leaves_no_trace_of_the_migration(postgres: Databases, sql: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.empty("auth").owner_url

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Backend, "mark_one", interrupt)
        migrate(url, "auth", sql)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('inbox')").fetchone() == (None,)
    assert len(migrate(url, "auth", sql)) == 4


def test_an_applied_migration_without_a_file_is_refused(postgres: Databases, sql: Path) -> None:
    url = postgres.empty("auth").owner_url
    migrate(url, "auth", sql)
    (sql / "auth/V10__fill.sql").unlink()
    with pytest.raises(Problem, match=r"V10__fill\.sql is applied to database auth, but sql/ has no such file"):
        migrate(url, "auth", sql)


def test_a_migration_changed_after_it_was_applied_is_refused(postgres: Databases, sql: Path) -> None:
    url = postgres.empty("auth").owner_url
    migrate(url, "auth", sql)
    file = sql / "auth/V1__create_people.sql"
    text = file.read_text()
    file.write_text(text.replace("int", "bigint"))
    with pytest.raises(Problem, match=r"V1__create_people\.sql was changed after it was applied to database auth"):
        migrate(url, "auth", sql)
    file.write_text(text)
    assert migrate(url, "auth", sql) == []


def test_concurrent_migrations_apply_each_file_once(postgres: Databases, sql: Path) -> None:
    url = postgres.empty("auth").owner_url
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate(url, "auth", sql), range(4)))
    assert sorted(len(names) for names in applied) == [0, 0, 0, 4]


def test_invalid_names_and_duplicate_versions_are_refused(sql: Path) -> None:
    (sql / "auth/V1__again.sql").write_text("SELECT 1;")
    with pytest.raises(Problem, match="same version"):
        migrations("auth", sql)
    (sql / "auth/V1__again.sql").rename(sql / "auth/again.sql")
    with pytest.raises(Problem, match="not named as a migration"):
        migrations("auth", sql)
