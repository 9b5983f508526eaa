"""Compiles the modules of the tests before pytest-xdist starts its workers.

In a fresh copy of the project each worker would compile every module and rewrite its assertions, at the same time as the others: with four of them
40 s of CPU. What is missing is compiled here once, on all processors. pytest has no public function for it.
"""

import compileall
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest.assertion import rewrite


def compile_tests(config: pytest.Config) -> None:
    """Compile what has no compiled file yet. Workers recognize outdated ones by the source's hash."""
    if sys.dont_write_bytecode or rewrite.assertstate_key not in config.stash:
        return
    missing = [file for file in sorted((config.rootpath / "tests").rglob("*.py")) if not _compiled(file).exists()]
    count = os.cpu_count() or 1
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_compile, args=(missing[first::count], config)) for first in range(count) if missing[first::count]]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _compile(files: Sequence[Path], config: pytest.Config) -> None:
    for file in files:
        if not _is_rewritten(file):
            compileall.compile_file(file, quiet=2)
            continue
        source, code = rewrite._rewrite_test(file, config)
        _compiled(file).parent.mkdir(exist_ok=True)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, _compiled(file))


def _compiled(file: Path) -> Path:
    tail = rewrite.PYC_TAIL if _is_rewritten(file) else f".{sys.implementation.cache_tag}.pyc"
    return rewrite.get_cache_dir(file) / f"{file.stem}{tail}"


def _is_rewritten(file: Path) -> bool:
    return file.name.startswith("test_") or file.name == "conftest.py"
