"""Test whether an overlay can be mounted, as root or in a new user namespace: `python -I -S trial_overlay.py FOLDER`."""

import os
import sys
import tempfile

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.sandbox.launch_kernel import CLONE_NEWNS, CLONE_NEWUSER, MS_PRIVATE, MS_REC, kernel

with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    lower, upper, work, merged = (f"{folder}/{name}" for name in ("lower", "upper", "work", "merged"))
    for each in (lower, upper, work, merged):
        os.mkdir(each)
    user, group, is_root = os.getuid(), os.getgid(), os.geteuid() == 0
    child = os.fork()
    if not child:
        kernel.unshare(CLONE_NEWNS | (0 if is_root else CLONE_NEWUSER))
        if not is_root:
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}" + ("" if is_root else ",userxattr")
        kernel.mount("overlay", merged, "overlay", 0, options)
        with open(f"{merged}/file", "w") as file:
            file.write("written")
        os._exit(0 if os.path.exists(f"{upper}/file") else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not is_root:
        os.chmod(f"{work}/work", 0o700)
sys.exit(code)
