"""Files and folders of the host, the platform and other tenants: OWASP Docker rules 1, 5 and 8; CIS Docker 5.5, 5.31."""

import os
import stat

from . import outcome

SECRETS = (
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ed25519_key", "/root/.ssh/id_rsa",
    "/root/.bash_history", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/dev/port", "/proc/1/root/etc/shadow",
    "/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/capsule/kubeconfig", "/sys/kernel/debug/sched/debug",
)  # fmt: skip
HOST_SETTINGS = (
    "/etc/machine-id", "/etc/hostname", "/etc/fstab", "/etc/crontab", "/etc/ssh/sshd_config", "/etc/sudoers.d", "/etc/cron.d", "/etc/systemd/system",
    "/etc/postgresql", "/etc/rabbitmq", "/etc/default", "/etc/apt", "/etc/subuid", "/etc/pam.d", "/etc/docker", "/etc/kubernetes",
)  # fmt: skip
FOLDERS = ("/root", "/home", "/var/log", "/var/lib", "/var/spool", "/boot", "/srv", "/mnt", "/media", "/opt", "/run", "/sys/fs/cgroup", "/lost+found")
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock",
           "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/postgresql/.s.PGSQL.5432", "/tmp/.X11-unix")  # fmt: skip
NODES = (("block", stat.S_IFBLK, (8, 0)), ("memory", stat.S_IFCHR, (1, 1)), ("kmsg", stat.S_IFCHR, (1, 11)))
CONTROLS = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/sys/net/ipv4/ip_forward",
    "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent", "/proc/self/oom_score_adj",
)  # fmt: skip


def readable(paths):
    """Return the paths that can be read, with the first bytes of a file or the first names of a folder."""
    found = {}
    for path in paths:
        try:
            if os.path.isdir(path):
                found[path] = sorted(os.listdir(path))[:20]
            else:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                try:
                    found[path] = os.read(descriptor, 200).decode(errors="replace")
                finally:
                    os.close(descriptor)
        except OSError:
            continue
    return found


def controls():
    """Open kernel controls for writing, without writing. A process may raise its own OOM score but never lower it."""
    found = {path: outcome(_open_for_writing, path) for path in CONTROLS}
    found["lower oom_score_adj"] = outcome(_write, "/proc/self/oom_score_adj", "-1000")
    return found


def _open_for_writing(path):
    os.close(os.open(path, os.O_WRONLY))


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


def devices():
    """Return the device nodes that can be opened, and whether new ones can be created."""
    opened = []
    for folder, _, names in os.walk("/dev"):
        for name in names:
            path = os.path.join(folder, name)
            try:
                mode = os.lstat(path).st_mode
                if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
                    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
                    opened.append(path)
            except OSError:
                continue
    place = os.path.join(os.environ.get("TMPDIR", "/tmp"), "node")
    made = {kind: outcome(os.mknod, f"{place}-{kind}", mode | 0o600, os.makedev(*number))
            for kind, mode, number in NODES}  # fmt: skip
    return {"opened": sorted(opened), "made": made}


def other_processes():
    """Try to read environment, root, working folder and descriptors of other processes through /proc."""
    found = {}
    mine = _family()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) in mine:
            continue
        for name in ("environ", "root/etc/shadow", "cwd/.", "fd", "maps", "mem"):
            path = f"/proc/{pid}/{name}"
            if outcome(os.listdir if name in ("cwd/.", "fd") else _read_one, path) == "ok":
                found.setdefault(pid, []).append(name)
    return found


def init_of_another():
    """Return the environment of process 1, unless that is this sandbox's own init."""
    with open("/proc/self/environ", "rb") as file:
        name = next((each for each in file.read().split(b"\0") if each.startswith(b"HOSTNAME=")), b"-")
    found = readable(["/proc/1/environ"])
    return {} if name.decode() in found.get("/proc/1/environ", "") else found


def _read_one(path):
    with open(path, "rb") as file:
        file.read(1)


def _family():
    """Return the application's own processes: this one, its ancestors and what they started."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                parents[int(pid)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family, current = {os.getpid()}, os.getpid()
    while current in parents and (current := parents[current]):
        family.add(current)
    return family | {pid for pid, parent in parents.items() if parent in family}


def setuid_programs():
    """Return the set-user-ID programs that would have an effect."""
    with open("/proc/self/mountinfo") as file:
        mounts = [(line.split()[4], line.split()[5]) for line in file]
    found = []
    for folder in ("/bin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/dbus-1.0"):
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            try:
                about = os.stat(entry.path)
            except OSError:
                continue
            if about.st_mode & (stat.S_ISUID | stat.S_ISGID) and stat.S_ISREG(about.st_mode):
                path = os.path.realpath(entry.path)
                _, options = max((each for each in mounts if path == each[0] or path.startswith(each[0].rstrip("/") + "/")), key=lambda m: len(m[0]))
                if "nosuid" not in options.split(","):
                    found.append(path)
    return sorted(set(found))


def collect(targets):
    return {
        "secrets": readable((*SECRETS, *targets["files"])) | init_of_another(),
        "host_settings": readable(HOST_SETTINGS),
        "folders": readable((*FOLDERS, *targets["folders"])),
        "sockets": [path for path in SOCKETS if os.path.exists(path)],
        "controls": controls(),
        "devices": devices(),
        "other_processes": other_processes(),
        "setuid_programs": setuid_programs(),
        "swaps_and_disks": [line.split()[0] for line in _lines("/proc/swaps")[1:]],
    }


def _lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
