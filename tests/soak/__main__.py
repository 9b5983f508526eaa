"""`python -m tests.soak --messages 10000 --seed 7`: print the faults, the figures and the sums of each seed. Exit code 1 when a sum is wrong."""

import argparse
import os
import random
import signal
import sys
import tempfile

from tests.servers import HOME
from tests.soak.run import soak

SEEDS = 3
MESSAGES_PER_FAULT = 400


def main() -> int:
    parser = argparse.ArgumentParser(prog="./taskw soak", description="Use a whole Capsule while it is killed at random, then check the sums.")
    parser.add_argument("--messages", type=int, default=10_000, metavar="N", help="messages for each seed at least (default: 10000)")
    parser.add_argument("--seconds", type=float, default=1800.0, metavar="S", help="time limit for each seed (default: 1800)")
    parser.add_argument("--seed", type=int, action="append", default=[], metavar="N", help="seed of a run to repeat; may be repeated")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"number of random seeds without --seed (default: {SEEDS})")
    parser.add_argument("--faults", type=int, default=None, metavar="N", help=f"number of faults (default: one per {MESSAGES_PER_FAULT} messages)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # exit through `finally`, which ends the installation
    seeds = options.seed or [random.SystemRandom().randrange(1_000_000) for _ in range(options.seeds)]
    faults = max(1, options.messages // MESSAGES_PER_FAULT) if options.faults is None else options.faults
    reports = []
    with tempfile.TemporaryDirectory(prefix="capsule-soak-tools-", dir="/tmp") as folder:
        os.environ.setdefault(HOME, folder)  # where `Whole` keeps kubectl
        for seed in seeds:
            print(f"seed {seed}: {options.messages} messages, {faults} faults", flush=True)
            reports.append(soak(seed, options.messages, options.seconds, faults))
            print("\n".join(reports[-1].lines()), flush=True)
    failed = [report.seed for report in reports if report.failures]
    print(f"failed seeds: {', '.join(map(str, failed))}" if failed else f"all {len(reports)} seeds passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
