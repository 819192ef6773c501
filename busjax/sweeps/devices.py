"""How the machine is shared among the runs that go at the same time."""

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Mapping

from busjax.sweeps.errors import SweepError


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one run at a time goes.

    Attributes:
      cpus: its cores.
      gpu: the device that it sees, as CUDA_VISIBLE_DEVICES has it; '' for the CPU.
    """

    cpus: tuple[int, ...]
    gpu: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a run there needs to know."""
        return {"CUDA_VISIBLE_DEVICES": self.gpu} if self.gpu else {}

    def __str__(self) -> str:
        where = f"GPU {self.gpu}, " if self.gpu else ""
        return where + ("all cores" if not self.cpus else f"cores {','.join(map(str, self.cpus))}")


def places(jobs: int, gpus: list[str], cpus: list[int]) -> list[Place]:
    """Places for runs, each with one device and its share of the cores.

    Args:
      jobs: how many; 0 for one on each GPU, or one where there is none.
      gpus: the devices; empty to run on the CPU.
      cpus: the cores; empty where the system cannot tell, and every run has all.

    Raises:
      SweepError: fewer than none, or more than there are GPUs.
    """
    if jobs < 0:
        raise SweepError(f"--jobs {jobs}: expected 1 or more, or 0 for one run on each device")
    if gpus and jobs > len(gpus):
        raise SweepError(f"--jobs {jobs}: found {len(gpus)} GPUs ({', '.join(gpus)}), expected at most one run on each")
    jobs = jobs or len(gpus) or 1
    # Where there are more runs than cores, they take turns.
    shares = [tuple(cpus[i::jobs] or cpus[i % len(cpus) :][:1]) if cpus else () for i in range(jobs)]
    return [Place(share, gpus[i] if gpus else "") for i, share in enumerate(shares)]


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that JAX would use: those of CUDA_VISIBLE_DEVICES, or all that nvidia-smi tells of.

    None where JAX_PLATFORMS keeps JAX to the CPU.
    """
    platforms = environment.get("JAX_PLATFORMS", "")
    if platforms and not {"cuda", "gpu"} & set(platforms.split(",")):
        return []
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.split() if told.returncode == 0 else []


def own_cpus() -> list[int]:
    """The cores that this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
