"""Test whether bubblewrap works inside a user namespace: `python -I -S trial_bubblewrap.py BWRAP ARGUMENT…`."""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.sandbox.launch_privileges import become_root_of_own_namespace

become_root_of_own_namespace()
os.execv(sys.argv[1], sys.argv[1:])
