#!/usr/bin/env bash
# pydantic reads the text "5.00" and the value true as integers, also with bounds.
#
# Guess:   an int field takes "5", perhaps, as a form has it; "5.00", the way people write an amount of money, is refused as 5.5 is, and so is true:
#          in JSON they have other types, and the JSON Schema of the same model says `integer`.
# True:    in lax mode, the default, "5.00" is 5, true is 1 and false 0, also by model_validate_json. Constraints (gt=0) are checked afterwards. An
#          amount in minor units that a client sends as "5.00" is 5 cents. strict=True refuses them, and 5.0 too, which JSON Schema (2020-12, 6.1.1)
#          counts as an integer.
# Version: pydantic 2.14.4
# Source:  observed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.4

cat > "$folder/run.py" <<'PYTHON'
from typing import Annotated

import pydantic
from pydantic import BaseModel, Field, ValidationError


class Refund(BaseModel):
    amount: Annotated[int, Field(gt=0)]


print("pydantic", pydantic.VERSION, "schema:", Refund.model_json_schema()["properties"]["amount"]["type"])
for body in ('{"amount": "5.00"}', '{"amount": true}', '{"amount": 5.0}', '{"amount": "5.50"}'):
    found = []
    for strict in (False, True):
        try:
            found.append(str(Refund.model_validate_json(body, strict=strict).amount))
        except ValidationError as error:
            found.append(error.errors()[0]["type"])
    print(f"{body}: lax {found[0]}, strict {found[1]}")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
pydantic 2.14.4 schema: integer
{"amount": "5.00"}: lax 5, strict int_type
{"amount": true}: lax 1, strict int_type
{"amount": 5.0}: lax 5, strict int_type
{"amount": "5.50"}: lax int_parsing, strict int_type
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: a text with zeros after the point is an integer, and so is true"
