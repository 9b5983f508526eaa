"""The lines of a failed program that matter."""

import pytest

from knative.builder.diagnosis import plain, ran_out_of_memory, relevant_lines

TRACEBACK = """
Running setup
Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/x/y.py", line 2, in <module>
    import_module(name)
  File "/app/shop/settings.py", line 7, in <module>
    SECRET = os.environ["SECRET_KEY"]
             ~~~~~~~~~~^^^^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'SECRET_KEY'
"""
NPM = """
npm warn deprecated inflight@1.0.6: leaks memory
npm error code ERESOLVE
npm error ERESOLVE could not resolve
npm error path /app
npm error A complete log of this run can be found in: /workspace/home/_logs/1.log
"""
NPM_USAGE = """
npm error code EUSAGE
npm error
npm error Missing: left-pad@1.3.0 from lock file
npm error
npm error Usage:
npm error npm ci
npm error   --bin-links
npm error     Tells npm to create symlinks
npm error Run "npm help ci" for more info
"""
GO = """
go: downloading example.com/x v1.0.0
# example.com/sample
./main.go:12:2: undefined: handler
"""
TSC = """
> tsc -p .
\x1b[96msrc/app.ts\x1b[0m:\x1b[93m3\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m TS2322: Type 'string' is not assignable to type 'number'.
 ELIFECYCLE  Command failed with exit code 2.
"""
MAVEN = """
[INFO] Compiling 1 source file
[ERROR] /app/src/main/java/A.java:[3,5] cannot find symbol
[ERROR] -> [Help 1]
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
"""
YARN = """
➤ YN0000: · Yarn 4.5.0
➤ YN0002: │ sample@workspace:. doesn't provide react (p1), requested by widget
➤ YN0028: · The lockfile would have been modified by this install, which is explicitly forbidden.
➤ YN0000: · Failed with errors in 0s 95ms
"""
POETRY = """
  - Installing mdurl (0.1.2)

    | Unable to find installation candidates for mdurl (0.1.2)
    | 
    | This is likely not a Poetry issue.
    | 
    |   - 0 candidate(s) were identified for the package
    | 
    | Solutions:
    |     1. Regenerate lockfile: poetry lock --no-cache --regenerate
    |     2. Update package     : poetry update --no-cache mdurl
    | 
    | If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all).
"""


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (TRACEBACK, ['  File "shop/settings.py", line 7, in <module>', '    SECRET = os.environ["SECRET_KEY"]', "KeyError: 'SECRET_KEY'"]),
        (NPM, ["npm error code ERESOLVE", "npm error ERESOLVE could not resolve"]),
        (NPM_USAGE, ["npm error code EUSAGE", "npm error Missing: left-pad@1.3.0 from lock file"]),
        (GO, ["./main.go:12:2: undefined: handler"]),
        (TSC, ["src/app.ts:3:7 - error TS2322: Type 'string' is not assignable to type 'number'."]),
        (MAVEN, ["[ERROR] src/main/java/A.java:[3,5] cannot find symbol"]),
        (YARN, ["➤ YN0028: · The lockfile would have been modified by this install, which is explicitly forbidden."]),
        (POETRY, ["Unable to find installation candidates for mdurl (0.1.2)"]),
        ("one\ntwo\ntwo", ["one", "two"]),
    ],
)
def test_relevant_lines(output: str, lines: list[str]) -> None:
    assert relevant_lines(output.splitlines(), ["/app"]).splitlines() == lines


def test_control_sequences_are_removed() -> None:
    assert plain("\x1b[31mred\x1b[0m \x1b]0;title\x07text\x00") == "red text"


@pytest.mark.parametrize(
    ("code", "lines", "is_memory"),
    [
        (-9, [], True),
        (137, [], True),
        (134, ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"], True),
        (1, ["compile: signal: killed"], True),
        (1, ["Error: x"], False),
        (-15, [], False),
    ],
)
def test_out_of_memory(code: int, lines: list[str], is_memory: bool) -> None:
    assert ran_out_of_memory(code, lines) is is_memory
