"""Test whether the file system of a folder allows ID-mapped mounts: `python -I -S trial_mapped.py FOLDER`.

Standard library only.
"""

import os
import sys
import tempfile

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.sandbox.launch_kernel import CLONE_NEWNS, MS_PRIVATE, MS_REC, kernel
from knative.local.sandbox.launch_privileges import new_user_namespace

FIRST, OWNER = 1_900_019_712, 1000

with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    source, target = f"{folder}/source", f"{folder}/target"
    for each in (source, target):
        os.mkdir(each)
    os.chown(source, OWNER, OWNER)
    user_namespace, holder = new_user_namespace(FIRST, 65536)
    os.kill(holder, 9)
    os.waitpid(holder, 0)
    kernel.unshare(CLONE_NEWNS)
    kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
    kernel.mount_mapped(source, target, user_namespace)
    works = os.stat(target).st_uid == FIRST + OWNER
    kernel.unmount(target)
sys.exit(0 if works else 1)
