#!/usr/bin/env bash
# limits: a refused hit with a cost uses up the fixed window; the moving and the sliding window keep what was left.
#
# Guess:   `hit(limit, key, cost=5)` that returns False changed nothing: with 10 an hour and 8 used, a request of cost 2 is still admitted. The
#          strategies differ in how exactly they count time, not in what a refusal costs.
# True:    FixedWindowRateLimiter increments the counter by the cost and compares afterwards, so the refused request is counted: nothing is left for
#          the rest of the window, and `remaining` is 0 although only 8 were served. MovingWindowRateLimiter and SlidingWindowCounterRateLimiter
#          compare first, and admit the request of cost 2. One large request that is refused locks a caller out under one strategy only.
# Version: limits 5.8.0 (memory storage)
# Source:  observed; FixedWindowRateLimiter.hit in limits/strategies.py
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check limits==5.8.0

cat > "$folder/run.py" <<'PYTHON'
from importlib.metadata import version

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

print("limits", version("limits"))
limit = parse("10/hour")
for strategy in (FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter):
    limiter = strategy(MemoryStorage())
    served, refused = limiter.hit(limit, "caller", cost=8), limiter.hit(limit, "caller", cost=5)
    remaining = limiter.get_window_stats(limit, "caller").remaining
    print(f"{strategy.__name__}: cost 8 {served}, cost 5 {refused}, remaining {remaining}, cost 2 {limiter.hit(limit, 'caller', cost=2)}")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
limits 5.8.0
FixedWindowRateLimiter: cost 8 True, cost 5 False, remaining 0, cost 2 False
MovingWindowRateLimiter: cost 8 True, cost 5 False, remaining 2, cost 2 True
SlidingWindowCounterRateLimiter: cost 8 True, cost 5 False, remaining 2, cost 2 True
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: the fixed window counts what it refuses"
