"""`python -I -S launch.py`: becomes a container's program. Imports the steps instead of holding them, so that they are compiled once."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import launch_steps

launch_steps.run()
