"""One run in a process of its own, so that its end, of whatever kind, ends no other."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from busjax.atomic import write_atomic
from busjax.sweeps import tether
from busjax.sweeps.lock import RunLock
from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.status import State, Status, forget_failure, note_failure, resting_status

LOG = "run.log"
SETTINGS = "run.json"
TOLD = 5  # lines of an error without a message of ours
SAVING = 60.0  # seconds that a run may take to save itself


@dataclasses.dataclass(frozen=True)
class Launcher:
    """How runs are started.

    Attributes:
      script: launch.py; configs/recorded.py is beside it.
      compilation_cache: handed on.
    """

    script: Path
    compilation_cache: str


class RunProcess:
    """A run that was started. Its output goes to run.log in its folder."""

    def __init__(
        self,
        run: PlannedRun,
        folder: Path,
        lock: RunLock,
        launcher: Launcher,
        *,
        cpus: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
        own_session: bool = True,
    ):
        """Starts `launch.py` on what the sweep recorded.

        Args:
          run: what to run.
          folder: its work directory.
          lock: of the folder; the process holds it too, and should this one be killed, alone.
          launcher: how.
          cpus: the cores to keep to; all of this process where empty.
          environment: variables to add.
          own_session: whether Ctrl-C at the terminal is kept from it; it is then ended by `end` alone.

        Raises:
          OSError: its folder cannot be written, or no process be started. The lock stays with the caller.
        """
        self.run, self.folder, self.lock = run, folder, lock
        self._asked = False
        forget_failure(folder)
        write_atomic(folder / SETTINGS, json.dumps(dataclasses.asdict(run), indent=2) + "\n")
        recorded = launcher.script.parent / "configs" / "recorded.py"
        command = [sys.executable, str(launcher.script), "--config", f"{recorded}:{folder / SETTINGS}"]
        command += ["--workdir", str(folder), f"--compilation_cache={launcher.compilation_cache}"]
        tied = [sys.executable, "-I", tether.__file__, str(os.getpid()), ",".join(map(str, cpus)), *command]
        variables = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        # Inside of several tasks of one srun, a run is one process all the same: it does not wait for the others.
        if "SLURM_NTASKS" in variables:
            variables["SLURM_NTASKS"] = "1"
        with open(folder / LOG, "ab") as log:
            self._told_from = log.tell()
            self._process = subprocess.Popen(
                tied,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=variables,
                pass_fds=(lock.descriptor,),
                start_new_session=own_session,
            )

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def poll(self) -> Status | None:
        """What became of the run: finished, failed, or begun where a signal ended it; None while it runs.

        The first answer lets go of the lock; do not ask again.
        """
        code = self._process.poll()
        if code is None:
            return None
        try:
            return self._outcome(code)
        finally:
            self.lock.release()

    def wait(self) -> Status:
        """Waits for the end of the run; what became of it."""
        while (status := self.poll()) is None:
            time.sleep(0.5)
        return status

    def ask_to_end(self) -> None:
        """Asks the run to save itself and end; once, since a second signal would end it without saving."""
        if not self._asked and self._process.poll() is None:
            self._asked = True
            self._process.terminate()

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()

    def end(self, patience: float = SAVING) -> None:
        """Asks it to end and waits until it has, for some seconds; then ends it."""
        self.ask_to_end()
        until = time.monotonic() + patience
        # Not Popen.wait: this may be called from a signal's handler inside of a wait.
        while self._process.poll() is None:
            if time.monotonic() > until:
                self._process.kill()
                return
            time.sleep(0.1)

    def _outcome(self, code: int) -> Status:
        if code in (tether.ENDED_BY_SIGNAL, -signal.SIGTERM, -signal.SIGINT):
            return Status(State.BEGUN, "ended by a signal")
        if code == 0:
            try:
                status = resting_status(self.folder, self.run.config)
            except OSError as error_:
                return Status(State.FAILED, str(error_))
            if status.state is State.FINISHED or status.lasting:
                return status
            error = "it ended without an error and without results.json of this config"
        elif code < 0:
            name = signal.Signals(-code).name
            memory = "; the system may have been out of memory" if code == -signal.SIGKILL else ""
            error = f"ended by {name}{memory}"
        else:
            error = self._last_lines() or f"exit code {code}"
        note_failure(self.folder, error)
        return Status(State.FAILED, error)

    def _last_lines(self) -> str:
        """The error's message where the run told one, the end of its output otherwise."""
        try:
            with open(self.folder / LOG, "rb") as log:
                log.seek(self._told_from)
                lines = [line.rstrip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        except OSError:
            return ""
        if lines and lines[-1].startswith("error: "):
            return lines[-1].removeprefix("error: ")
        return "\n".join(lines[-TOLD:])
