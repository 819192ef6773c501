"""Starts a command that ends with its parent: `python tether.py PARENT CPUS COMMAND ...`.

A script of its own, since it must act in the new process before the command does. On Linux the command gets SIGTERM
when its parent dies, even of a kill that the parent cannot answer; a run then saves itself and ends. The command keeps
to the cores CPUS (numbers joined by commas; '' for all), and leaves aside SIGUSR1 and SIGUSR2, by which Slurm warns of
the end of the time: whoever started it answers them.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
ENDED_BY_SIGNAL = 75


def main(parent: str, cpus: str, *command: str) -> None:
    """Becomes the command."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != int(parent):  # it died before it could be heard
            sys.exit(ENDED_BY_SIGNAL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
