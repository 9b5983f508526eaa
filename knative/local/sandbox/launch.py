"""`python -I -S launch.py`: becomes a container's program. Imports the steps instead of holding them, so that they are compiled once."""

import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.sandbox.launch_steps import run

run()
