"""Become a container's program: `python -I -S launch.py`.

The steps are in a module of their own, which Python compiles only once.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.sandbox.launch_steps import run

run()
