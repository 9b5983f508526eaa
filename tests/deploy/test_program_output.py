"""The lines that say why a program failed, of the reports that languages and installers write."""

import pytest

from functions.deploy.domain.program_output import MAX_LENGTH, quote_cause

PYTHON = """[2026-11-29 00:00:00 +0000] [9] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/gunicorn/arbiter.py", line 609, in spawn_worker
    worker.init_process()
  File "/app/shop/wsgi.py", line 7, in <module>
    from shop import missing
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
ImportError: cannot import name 'missing' from 'shop' (/app/shop/__init__.py)
[2026-11-29 00:00:00 +0000] [9] [INFO] Worker exiting (pid: 9)
[2026-11-29 00:00:00 +0000] [7] [ERROR] Reason: Worker failed to boot."""
CHAINED = """Traceback (most recent call last):
  File "/app/a.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/b.py", line 2, in <module>
ValueError: bad
  value: 7"""
SYNTAX = """  File "/app/main.py", line 3
    x = = 1
        ^
SyntaxError: invalid syntax"""
NODE = """node:internal/modules/cjs/loader:1215
  throw err;
  ^

Error: Cannot find module 'express'
Require stack:
- /app/index.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1212:15)
    at Object.<anonymous> (/app/index.js:1:17) {
  code: 'MODULE_NOT_FOUND'
}

Node.js v20.11.0"""
NODE_SYNTAX = """/app/index.js:3
const x = ;
          ^

SyntaxError: Unexpected token ';'
    at wrapSafe (node:internal/modules/cjs/loader:1469:18)

Node.js v20.11.0"""
GO = """panic: no database

goroutine 1 [running]:
main.main()
\t/app/main.go:9 +0x1d
exit status 2"""
RUST = """error[E0425]: cannot find value `x` in this scope
 --> src/main.rs:2:5
  |
error: could not compile `app` (bin "app") due to 1 previous error"""
RUBY = """app.rb:1:in `require': cannot load such file -- sinatra (LoadError)
\tfrom app.rb:1:in `<main>'"""
JAVA = """Exception in thread "main" java.lang.RuntimeException: start
\tat Main.main(Main.java:3)
Caused by: java.net.ConnectException: Connection refused
\t... 1 more"""
UV = """Using CPython 3.11.2
  × No solution found when resolving dependencies:
  ╰─▶ Because flsk was not found in the package registry and you require flsk, we can conclude that your requirements are unsatisfiable."""


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("", ""),
        ("\n \n", ""),
        ("one\ntwo\nthree\nfour\n\n", "two\nthree\nfour"),
        (PYTHON, "ImportError: cannot import name 'missing' from 'shop' (shop/__init__.py) (shop/wsgi.py:7)"),
        (CHAINED, "ValueError: bad (b.py:2)\nvalue: 7"),
        (SYNTAX, "SyntaxError: invalid syntax (main.py:3)"),
        (SYNTAX.strip(), "SyntaxError: invalid syntax (main.py:3)"),
        (NODE, "Error: Cannot find module 'express' (index.js:1)"),
        (NODE_SYNTAX, "SyntaxError: Unexpected token ';' (index.js:3)"),
        (GO, "panic: no database (main.go:9)"),
        (RUST, "error[E0425]: cannot find value `x` in this scope (src/main.rs:2:5)"),
        (RUBY, "app.rb:1:in `require': cannot load such file -- sinatra (LoadError)"),
        (JAVA, "java.net.ConnectException: Connection refused"),
        ("PHP Fatal error:  Uncaught Error: x in /app/index.php:3", "PHP Fatal error:  Uncaught Error: x in index.php:3"),
        (
            UV,
            "× No solution found when resolving dependencies:\n╰─▶ Because flsk was not found in the package registry and you require flsk, "
            "we can conclude that your requirements are unsatisfiable.",
        ),
        ("src/a.c:3:5: error: unknown type\nmake: *** [all] Error 1", "src/a.c:3:5: error: unknown type"),
        ("./main.go:5:2: undefined: x", "./main.go:5:2: undefined: x"),
        ("\x1b[31mboom\x1b[0m\x07", "boom"),
        ("Listening on /workspace/source/run.sock failed", "Listening on run.sock failed"),
        ("/workspace/image/rootfs/app/x: denied", "app/x: denied"),
    ],
)
def test_the_line_that_matters(output: str, cause: str) -> None:
    assert quote_cause(output) == cause


def test_the_end_of_a_traceback_is_enough() -> None:
    """Kubernetes keeps the last 2,048 bytes of a container's log as its termination message."""
    cut_off = PYTHON[PYTHON.index("init_process") :]
    assert quote_cause(cut_off) == quote_cause(PYTHON)


@pytest.mark.parametrize("output", ["x" * 100_000, "Traceback (most recent call last):\n" * 5_000, '  File "' * 20_000, "Error: x\n" * 20_000])
def test_any_output_is_bounded(output: str) -> None:
    assert len(quote_cause(output)) <= MAX_LENGTH
