"""The process's identity: ids, capabilities, filters, namespaces, control group, and the descriptors open at its start."""

import os

NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")


def descriptors():
    """Return number → target, without the descriptor of the listing. Called before anything else is opened."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # that of the listing
    return found


AT_START = descriptors()


def status():
    with open("/proc/self/status") as file:
        rows = dict(line.rstrip("\n").split(":", 1) for line in file)
    names = ("NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Groups", "NSpid")
    return {name: rows.get(name, "").strip() for name in names}


def ranges(path):
    with open(path) as file:
        return [[int(number) for number in line.split()] for line in file]


def limits():
    with open("/proc/self/limits") as file:
        return {line[:26].strip(): line[26:].split()[:2] for line in file.readlines()[1:]}


def collect(targets):
    with open("/proc/self/cgroup") as file:
        groups = [line.strip().split(":", 2)[2] for line in file]
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "pid": os.getpid(),
        "hostname": os.uname().nodename,
        "status": status(),
        "uid_map": ranges("/proc/self/uid_map"),
        "gid_map": ranges("/proc/self/gid_map"),
        "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES},
        "cgroups": groups,
        "descriptors": AT_START,
        "limits": limits(),
        "environment": sorted(os.environ),
    }
