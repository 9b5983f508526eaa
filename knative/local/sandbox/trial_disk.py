"""Test whether a disk image can be attached and mounted: `python -I -S trial_disk.py FOLDER`. Standard library only."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.sandbox.launch_kernel import CLONE_NEWNS, MS_PRIVATE, MS_REC, kernel

with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    image, place = f"{folder}/image", f"{folder}/mounted"
    os.mkdir(place)
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", image], check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    kernel.unshare(CLONE_NEWNS)
    kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
    device, opened = kernel.loop_device(image)
    kernel.mount(device, place, "ext4", 0)
    os.close(opened)
    kernel.unmount(place)
