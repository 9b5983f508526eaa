"""Create the data of a PostgreSQL server: `initdb`, then the roles of the platform, by the server in single-user mode.

Single-user mode needs no password and no socket, so that the superuser never has a password and nobody logs in as it.
Source: https://www.postgresql.org/docs/current/app-postgres.html#APP-POSTGRES-SINGLE-USER
"""

import os
import tempfile

from functions.wire.service_databases import LARGE_OBJECTS, TEMPLATE
from knative.local.processes.process import Command, StartError
from knative.local.serving.on_demand_server import Start
from knative.local.serving.postgres_services.files import ServerFiles, find_binaries
from knative.local.serving.service_account import server_account

SUPERUSER = "postgres"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
INITDB = ("--auth=reject", "--encoding=UTF8", "--no-locale", "--data-checksums", f"--username={SUPERUSER}")


async def create_data(files: ServerFiles, start: Start) -> None:
    """Idempotent: what an interruption has left is replaced. Raises StartError, OSError."""
    if files.data.exists():
        return
    binaries = find_binaries()
    if binaries is None:
        raise StartError("PostgreSQL is not installed")
    files.create_data_folder()
    await _run(files, start, (str(binaries / "initdb"), "-D", str(files.draft), *INITDB), b"")
    server = (str(binaries / "postgres"), "--single", "-j", "-D", str(files.draft), "-c", "log_statement=none")
    await _run(files, start, (*server, "postgres"), roles(files.name, files.password("control"), files.password("backup")).encode())
    await _run(files, start, (*server, TEMPLATE), template(files.name).encode())
    files.adopt_data()


def roles(name: str, control: str, backup: str) -> str:
    """Statements for the database `postgres`. In single-user mode with -j, an empty line ends each."""
    return "\n\n".join(
        (
            f"CREATE ROLE {name}_control LOGIN CREATEDB CREATEROLE PASSWORD '{control}';",
            f"CREATE ROLE {name}_backup LOGIN REPLICATION PASSWORD '{backup}';",
            f"GRANT pg_read_all_stats TO {name}_control;",
            "CREATE EXTENSION pg_stat_statements;",
            "REVOKE ALL ON DATABASE postgres FROM PUBLIC;",
            "REVOKE ALL ON DATABASE template1 FROM PUBLIC;",
            f"GRANT CONNECT ON DATABASE postgres TO {name}_control;",
            f"CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8';",
            f"REVOKE ALL ON DATABASE {TEMPLATE} FROM PUBLIC;",
            f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true;",
            "",
        )
    )


def template(name: str) -> str:
    """Statements for the template: PUBLIC may not create large objects, because a full database could grow by them."""
    statements = []
    for each in LARGE_OBJECTS:
        statements.append(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{each} FROM PUBLIC;")
        statements.append(f"GRANT EXECUTE ON FUNCTION pg_catalog.{each} TO {name}_control WITH GRANT OPTION;")
    return "\n\n".join((*statements, ""))


async def _run(files: ServerFiles, start: Start, argv: tuple[str, ...], statements: bytes) -> None:
    """Raises StartError with the end of the output when it fails, or when a statement does: single-user mode ends well all the same."""
    account = server_account()
    with tempfile.TemporaryFile() as script, tempfile.TemporaryFile() as output:
        script.write(statements)
        script.seek(0)
        command = Command(
            argv=argv,
            env=ENVIRONMENT,
            cwd=str(files.draft),
            stdin=script.fileno(),
            uid=account.pw_uid if account else None,
            gid=account.pw_gid if account else None,
        )
        process = await start(command, output.fileno(), output.fileno())
        status = await process.ended
        output.seek(0)
        text = output.read().decode(errors="replace")
    if status != 0 or any(word in text for word in ("ERROR:", "FATAL:", "PANIC:")):
        raise StartError(f"{argv[0]}: {' '.join(text.splitlines()[-3:])}")
