"""A daemon that keeps its parent's output open and prints after the parent has ended: `python3 -m probes.talking WORD SECONDS`."""

import os
import sys
import time


def talk_on(word, seconds):
    """Start the daemon, in a session of its own, and return."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    line, end = (word + "\n").encode() * 20, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.write(1, line)
        except OSError:
            break
        time.sleep(0.002)
    os._exit(0)


if __name__ == "__main__":
    talk_on(sys.argv[1], float(sys.argv[2]))
