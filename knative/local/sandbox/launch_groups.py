"""Join control groups (cgroups(7)). Part of the launch program: standard library only."""

import os
from collections.abc import Iterable


def join_control_groups(folders: Iterable[str]) -> None:
    """Move this process into control groups. `folders`: one for each controller with version 1.

    To move a process the kernel stops every fork and exit of the machine and waits for a grace period of RCU: 4 to 15 ms, of which none is CPU
    (`cgroup_threadgroup_rwsem`, kernel/cgroup/cgroup.c). A thread that moves itself waits for neither, and a process of one thread is its thread.
    With version 2 a thread cannot leave the group of its process: there is no file `tasks`.
    """
    is_single = len(os.listdir("/proc/self/task")) == 1
    for folder in folders:
        name = "tasks" if is_single and os.path.exists(f"{folder}/tasks") else "cgroup.procs"
        with open(f"{folder}/{name}", "w") as file:
            file.write("0")
