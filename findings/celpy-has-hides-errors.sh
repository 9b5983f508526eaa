#!/usr/bin/env bash
# cel-python's has() answers false where CEL reports an error, so a rule that is tested with it fails elsewhere.
#
# Guess:   has(a.b.c) means the same in every CEL implementation: it asks for c, and an error in a.b stays an error. (So a careful rule reads
#          has(a.b) && has(a.b.c).)
# True:    cel-python turns every failure inside has() into false: a missing parent, a parent that is a number, even a variable that no one declared.
#          CEL's C++ runtime answers the first two with an error and does not compile the third. An admission rule with no guard for a missing parent
#          passes its tests under cel-python and is an error, by default a refusal of the request, under a runtime that keeps to the specification.
# Version: cel-python 0.5.0 beside cel-expr-python 0.1.3 (CEL's C++ runtime)
# Source:  observed; CEL language definition, "Field Selection": has(e.f) has a value only for an e that is a map or a message, and is an error
#          in all other cases
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cel-python==0.5.0 cel-expr-python==0.1.3

cat > "$folder/run.py" <<'PYTHON'
from importlib.metadata import version

import celpy
from cel_expr_python import cel

OBJECT = {"metadata": {"name": "web"}, "spec": {"replicas": 3}}


def with_celpy(text: str) -> str:
    environment = celpy.Environment(annotations={"object": celpy.celtypes.MapType})
    program = environment.program(environment.compile(text))
    return str(bool(program.evaluate({"object": celpy.json_to_cel(OBJECT)}))).lower()


def with_cpp(text: str) -> str:
    try:
        expression = cel.NewEnv(variables={"object": cel.Type.DYN}).compile(text)
    except RuntimeError:
        return "does not compile"
    result = expression.eval(data={"object": OBJECT})
    return "error" if result.type() == cel.Type.ERROR else str(result.value()).lower()


print("cel-python", version("cel-python"), "/ cel-expr-python", version("cel-expr-python"))
for text in (
    "has(object.metadata.name)",
    "has(object.metadata.labels)",
    "has(object.metadata.labels.tier)",
    "has(object.spec.replicas.max)",
    "has(objekt.metadata.name)",
):
    print(f"{text}: {with_celpy(text)} / {with_cpp(text)}")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
cel-python 0.5.0 / cel-expr-python 0.1.3
has(object.metadata.name): true / true
has(object.metadata.labels): false / false
has(object.metadata.labels.tier): false / error
has(object.spec.replicas.max): false / error
has(objekt.metadata.name): false / does not compile
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: cel-python's has() hides the error"
