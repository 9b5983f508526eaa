"""Records of running pods' processes, by which the next run of the platform ends what a killed run left behind."""

import json
import logging
import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from knative.local.processes.control_groups import ControlGroups
from knative.local.processes.process import Process, SignalTarget, send_signal
from knative.local.processes.procfs import boot_id, is_running, start_time_ticks

log = logging.getLogger(__name__)

END_SECONDS, POLL_SECONDS = 10.0, 0.02
RECORD = "process.json"
"""In a pod's folder: pid, start time in ticks, boot id, signal target."""


class ProcessRecords:
    """`pods_folder` holds the folders of all pods, by namespace and name."""

    def __init__(self, pods_folder: Path) -> None:
        self._pods_folder = pods_folder

    def write(self, folder: Path, process: Process) -> None:
        pid, started_ticks, target = process.pid, process.started_ticks, process.signal_target
        if process.container_init is not None:
            pid, started_ticks, target = process.container_init.pid, process.container_init.started_ticks, SignalTarget.INIT
        record = {"pid": pid, "started": started_ticks, "boot": boot_id(), "signal_target": target.name}
        (folder / RECORD).write_text(json.dumps(record))

    def end_leftovers(self, groups: Iterable[ControlGroups]) -> None:
        """Kill the processes and empty the control groups of a previous run.

        A process is identified by pid, start time and boot id. Waits up to END_SECONDS for the killed processes to be gone:
        they hold ports and files that their successors need.
        """
        killed: dict[int, int] = {}
        for path in self._pods_folder.glob(f"*/*/{RECORD}"):
            try:
                record = json.loads(path.read_text())
            except ValueError:  # the platform was killed while it wrote the record
                record = {}
            pid = record.get("pid", 0)
            if pid and record.get("boot") == boot_id() and start_time_ticks(pid) == record.get("started"):
                log.info("killing process %d of a previous run (%s)", pid, path.parent.name)
                send_signal(os.kill if record.get("signal_target") == SignalTarget.INIT.name else os.killpg, pid, signal.SIGKILL)
                killed[pid] = record["started"]
        for each in groups:
            each.remove_leftovers()
        _wait_until_gone(killed)


def _wait_until_gone(processes: Mapping[int, int]) -> None:
    """Wait for processes, given by pid and start time in ticks. One that has ended and is not yet reaped counts as gone."""
    deadline = time.monotonic() + END_SECONDS
    while remaining := [pid for pid, started in processes.items() if is_running(pid, started)]:
        if time.monotonic() > deadline:
            log.error("processes of a previous run do not end: %s", ", ".join(map(str, remaining)))
            return
        time.sleep(POLL_SECONDS)
