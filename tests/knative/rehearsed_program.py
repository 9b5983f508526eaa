"""Prints what a fork of a zygote finds."""

import json
import os
import sys

if __name__ == "__main__":
    kept = getattr(sys, "kept", {})
    found = {
        "has_kept": all(os.fstat(each).st_ino == inode for each, inode in kept.items()),
        "pid": os.getpid(),
        "rehearsed_in": getattr(sys, "rehearsed_in", None),
        "environment": dict(os.environ),
        "argv": sys.argv[1:],
        "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}") and int(name) not in kept),
    }
    print(json.dumps(found), flush=True)
