"""A Slurm cluster of one node on this machine, for as long as a `with` lasts: munged, slurmctld and slurmd.

As a script it gives a shell to look around in: `python -m tests.sweeps.slurm_cluster`. Everything is in a temporary
folder; nothing of an installed cluster is used but the programs. slurmd must be root's.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = 4000  # MiB that the node is said to have, of which no more than the machine has
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
SYSTEM = "/usr/sbin:/sbin"  # not on every user's path

SLURM_CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
SchedulerParameters=sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why there can be no cluster here; '' where there can."""
    missing = [program for program in PROGRAMS if _find(program) is None]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)} (Debian packages slurm-wlm and munge)"
    return "" if os.geteuid() == 0 else "slurmd needs root"


@contextmanager
def cluster(cpus: int = 2) -> Iterator[dict[str, str]]:
    """Starts the daemons and waits for the node; ends them afterwards.

    Args:
      cpus: of the node, as it is said to have them.

    Yields:
      The environment for Slurm's commands.

    Raises:
      RuntimeError: the node did not come up; with the ends of the logs.
    """
    # A short path: the names of sockets are limited.
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for made in ("state", "spool"):
            (folder / made).mkdir()
        host = socket.gethostname().partition(".")[0]
        controller, node = _free_ports(2)
        conf = folder / "slurm.conf"
        told = {"host": host, "folder": folder, "controller": controller, "node": node, "cpus": cpus}
        conf.write_text(SLURM_CONF.format(**told, memory=min(MEMORY, _memory())))
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        environment = {**os.environ, "SLURM_CONF": str(conf), "PATH": f"{os.environ['PATH']}:{SYSTEM}"}
        munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        commands = (
            ["munged", "--foreground", "--force", *(f"--{flag}={folder}/munge.{end}" for flag, end in munge.items())],
            ["slurmctld", "-D", "-f", str(conf)],
            ["slurmd", "-D", "-f", str(conf)],
        )
        daemons = []
        try:
            for command in commands:
                with open(folder / f"{command[0]}.out", "wb") as out:
                    daemons.append(
                        subprocess.Popen(
                            [str(_find(command[0])), *command[1:]],
                            env=environment,
                            stdin=subprocess.DEVNULL,
                            stdout=out,
                            stderr=subprocess.STDOUT,
                        )
                    )
                if command[0] == "munged":
                    _wait(lambda: (folder / "munge.socket").exists(), folder)
            _wait(lambda: _states(environment) & {"idle"}, folder)
            try:
                yield environment
            finally:
                _cancel_all(environment)
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
            for daemon in daemons:
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()


def _cancel_all(environment: dict[str, str], seconds: float = 60.0) -> None:
    """Ends what is queued or runs, and waits for it: the processes of a job outlive the daemons."""
    asked = {"env": environment, "capture_output": True, "text": True, "check": False}
    subprocess.run(["scancel", "--user=root"], **asked)
    until = time.monotonic() + seconds
    while subprocess.run(["squeue", "--noheader"], **asked).stdout.strip() and time.monotonic() < until:
        time.sleep(0.2)


def _states(environment: dict[str, str]) -> set[str]:
    command = ["sinfo", "--noheader", "--format=%t"]
    return set(subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.split())


def _wait(done, folder: Path, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            logs = [*folder.glob("*.out"), *folder.glob("*.log")]
            told = "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in sorted(logs))
            raise RuntimeError(f"Slurm did not start:\n{told}")
        time.sleep(0.2)


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}:{SYSTEM}")


def _memory() -> int:
    """MiB of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
    finally:
        for free in sockets:
            free.close()


if __name__ == "__main__":
    if reason := why_not():
        raise SystemExit(reason)
    with cluster() as there:
        subprocess.run([there.get("SHELL", "/bin/sh")], env=there, check=False)
