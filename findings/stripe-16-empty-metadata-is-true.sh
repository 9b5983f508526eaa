#!/usr/bin/env bash
# stripe-python 16: empty metadata is true, and metadata is equal to no dict.
#
# Guess:   objects stopped being dicts, and every former use of them as one now raises with a hint at `to_dict()`: get, keys, dict(), iteration and
#          `**` do. Code that runs without an error after the upgrade means what it meant.
# True:    two former uses of a dict do not raise and changed their answer. `if customer.metadata:` is true for metadata without an entry, since the
#          class defines neither __len__ nor __bool__; `customer.metadata == {"order": "1"}` is false for exactly that metadata.
# Version: stripe 16.1.0
# Source:  observed; StripeObject in stripe/_stripe_object.py
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check stripe==16.1.0

cat > "$folder/run.py" <<'PYTHON'
from importlib.metadata import version

import stripe

print("stripe", version("stripe"))
empty = stripe.Customer.construct_from({"id": "cus_1", "object": "customer", "metadata": {}}, "key").metadata
full = stripe.Customer.construct_from({"id": "cus_2", "object": "customer", "metadata": {"order": "1"}}, "key").metadata
for name, use in {"get": lambda: full.get("order"), "dict()": lambda: dict(full), "len()": lambda: len(full), "**": lambda: {**full}}.items():
    try:
        print(f"{name}: {use()!r}")
    except (AttributeError, TypeError) as error:
        print(f"{name}: {type(error).__name__}")
print("bool of {}:", bool(empty))
print('{"order": "1"} == {"order": "1"}:', full == {"order": "1"})
print("after to_dict():", bool(empty.to_dict()), full.to_dict() == {"order": "1"})
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
stripe 16.1.0
get: AttributeError
dict(): TypeError
len(): TypeError
**: TypeError
bool of {}: True
{"order": "1"} == {"order": "1"}: False
after to_dict(): False True
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: truth and equality changed without an error"
