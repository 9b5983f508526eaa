#!/usr/bin/env bash
# Typer 0.29 loads pydantic in each start of a command, also when no parameter has a pydantic type.
#
# Guess:   converting `str` and `int` parameters needs nothing beyond Typer, as in all earlier releases; a minor release keeps the start as fast.
# True:    from 0.29 Typer depends on pydantic and builds a TypeAdapter for each parameter of the command that runs. Even a command with one
#          text argument imports pydantic and pydantic_core, about a tenth of a second, which is the larger half of a small program's start.
#          Up to 0.28 neither is loaded.
# Version: typer 0.28.0 and 0.29.0 (0.29.2 behaves like 0.29.0)
# Source:  observed; build_runtime_param in typer/_coercion.py, which imports typer/_adapters.py
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/run.py" <<'PYTHON'
import sys

import typer

app = typer.Typer(add_completion=False)


@app.command()
def greet(name: str, times: int = 1) -> None:
    print(f"hello {name}" * times)


try:
    app(["Ada"], standalone_mode=False)
finally:
    print("pydantic is loaded:", "pydantic" in sys.modules)
PYTHON
for version in 0.28.0 0.29.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "typer==$version"
  echo "typer $version"
  "$folder/$version/bin/python" "$folder/run.py"
done | tee "$folder/seen"
cat > "$folder/recorded" <<'TEXT'
typer 0.28.0
hello Ada
pydantic is loaded: False
typer 0.29.0
hello Ada
pydantic is loaded: True
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: 0.29 loads pydantic for a text and a number"
