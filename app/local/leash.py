"""Run a command that the kernel ends when its parent ends, whatever ended the parent.

    python leash.py PARENT_PID COMMAND ARGUMENT…

Linux only (PR_SET_PDEATHSIG, prctl(2)); the setting survives exec. A program of its own, because code run
between fork and exec inside a process with threads can deadlock. Imports nothing of ours: it starts in
a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # the parent ended before the kernel knew of us
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the given command is the purpose
    except OSError as error:
        sys.stderr.write(f"there is no program {command[0]} that can be run: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
