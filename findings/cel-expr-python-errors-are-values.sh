#!/usr/bin/env bash
# A failed evaluation in cel-expr-python is a value that is true.
#
# Guess:   a CEL expression that cannot be evaluated (a missing key, a division by zero) raises, as one that cannot be compiled does; at worst its
#          value is None or false.
# True:    Expression.compile() raises, Expression.eval() does not. It returns a Value of the type ERROR whose value() is the text of the error, a
#          non-empty str. So `if expression.eval(...).value():` takes the branch for true whenever the evaluation fails, although the expression's
#          static type is bool. The caller must compare type() with Type.ERROR first.
# Version: cel-expr-python 0.1.3, the Python binding of CEL's C++ runtime
# Source:  observed; the package's README calls eval() and value() without a word on errors
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cel-expr-python==0.1.3

cat > "$folder/run.py" <<'PYTHON'
from importlib.metadata import version

from cel_expr_python import cel

print("cel-expr-python", version("cel-expr-python"))
environment = cel.NewEnv(variables={"object": cel.Type.DYN})
try:
    environment.compile("object.replicas > ")
except RuntimeError:
    print("compile of a broken expression: raises RuntimeError")
for text in ('object.labels.tier == "gold"', "100 / object.replicas > 5"):
    expression = environment.compile(text)
    result = expression.eval(data={"object": {"labels": {}, "replicas": 0}})
    print(f"{text}: static type {expression.return_type().name()}")
    print(f"  type() {result.type().name()}, value() {result.value()!r}")
    print("  if value():", "allowed" if result.value() else "denied")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
cel-expr-python 0.1.3
compile of a broken expression: raises RuntimeError
object.labels.tier == "gold": static type BOOL
  type() ERROR, value() 'NOT_FOUND: Key not found in map : "tier"'
  if value(): allowed
100 / object.replicas > 5: static type BOOL
  type() ERROR, value() 'INVALID_ARGUMENT: divide by zero'
  if value(): allowed
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: a failed evaluation counts as true"
