"""Runs on this machine, some at a time."""

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from busjax.sweeps import lock
from busjax.sweeps.devices import Place
from busjax.sweeps.errors import SweepError
from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.process import Launcher, RunProcess
from busjax.sweeps.status import State, Status, note_failure, resting_status
from busjax.training.signals import Signals, noted_signals

PAUSE = 0.2  # seconds between two looks at the runs
ASK_AGAIN = 5.0  # seconds until a run of another process is asked for again


def run_locally(
    runs: Sequence[PlannedRun], folder: Path, places: Sequence[Place], launcher: Launcher, console: Console
) -> tuple[dict[str, Status], str]:
    """Runs what is not finished, one run at a time in each place.

    Runs that failed before are tried again. A run that another process has is waited for; should that one not finish
    it, it is run here. Ctrl-C or SIGTERM is handed on to the runs, which save themselves; a second one ends them at
    once. So it is, too, where an error ends the sweep.

    Args:
      runs: of the sweep.
      folder: of the sweep; every run has its name's folder there.
      places: where runs go.
      launcher: how they are started.
      console: for a line about every start and end.

    Returns:
      The status of every run by its name, and the name of the signal that ended the sweep, '' where none did.
    """
    sweep = _Sweep(runs, folder, launcher, console)
    free = deque(places)
    with noted_signals() as signals:
        try:
            while sweep.active or (sweep.waiting and not signals.received):
                while free and not signals.received and sweep.start_next(free[0]):
                    free.popleft()
                free.extend(sweep.ended())
                if signals.received and not sweep.told:
                    sweep.ask_all_to_end(signals)
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            sweep.kill_all()
            raise
        except BaseException:
            sweep.end_all()
            raise
    return sweep.outcomes, signals.received


class _Sweep:
    """The runs that wait and those that go."""

    def __init__(self, runs: Sequence[PlannedRun], folder: Path, launcher: Launcher, console: Console):
        self.outcomes: dict[str, Status] = {}
        self.active: dict[str, tuple[RunProcess, Place, float]] = {}
        # Each with the time from which it may be started.
        self.waiting = deque((run, 0.0) for run in runs)
        self.told = False
        self._folder, self._launcher, self._console = folder, launcher, console
        self._count = len(runs)
        self._elsewhere: set[str] = set()

    def start_next(self, place: Place) -> bool:
        """Starts the first run that can be; False where there is none now."""
        for _ in range(len(self.waiting)):
            run, earliest = self.waiting.popleft()
            if time.monotonic() < earliest:
                self.waiting.append((run, earliest))
                continue
            folder = self._folder / run.name
            try:
                held = lock.take(folder)
            except SweepError as error:
                self.outcomes[run.name] = Status(State.FAILED, str(error))
                self._say(f"{run.name}: failed: {error}")
                continue
            if held is None:
                if run.name not in self._elsewhere:
                    self._elsewhere.add(run.name)
                    self._say(f"{run.name}: waiting, {lock.holder(folder) or 'another process'} runs it")
                self.waiting.append((run, time.monotonic() + ASK_AGAIN))
                continue
            if self._start(run, held, place):
                return True
        return False

    def _start(self, run: PlannedRun, held: lock.RunLock, place: Place) -> bool:
        """Starts a run whose lock is had; False, and the lock let go, where it needs no start or cannot be started."""
        folder = self._folder / run.name
        try:
            status = resting_status(folder, run.config)
            if status.state is not State.FINISHED and not status.lasting:
                own = place.environment
                process = RunProcess(run, folder, held, self._launcher, cpus=place.cpus, environment=own)
                self.active[run.name] = process, place, time.monotonic()
                how = {State.NOT_BEGUN: "started", State.BEGUN: "goes on", State.FAILED: "tried again"}[status.state]
                self._say(f"{run.name}: {how} ({place})")
                return True
        except OSError as error:
            # A disk that is full or gone is the failure of this run; others may have another one.
            if run.name in self.active:
                raise
            status = Status(State.FAILED, f"cannot be started: {error}")
            note_failure(folder, status.note)
        held.release()
        self.outcomes[run.name] = status
        told = "finished before" if status.state is State.FINISHED else f"failed: {status.note}"
        self._say(f"{run.name}: {told}")
        return False

    def ended(self) -> list[Place]:
        """Takes note of the runs that have ended; the places they leave."""
        left = []
        for name, (process, place, since) in list(self.active.items()):
            status = process.poll()
            if status is None:
                continue
            del self.active[name]
            self.outcomes[name] = status
            left.append(place)
            minutes = f"after {(time.monotonic() - since) / 60:.1f} min"
            self._say(f"{name}: {'stopped' if status.state is State.BEGUN else status.state.value} {minutes}")
            if status.note:
                self._console.print(escape(f"    {status.note}".replace("\n", "\n    ")), soft_wrap=True)
        return left

    def ask_all_to_end(self, signals: Signals) -> None:
        """Hands a signal on."""
        self.told = True
        if self.active:
            self._console.print(f"{signals.received}: {len(self.active)} runs save themselves; once more ends them")
        for process, _, _ in self.active.values():
            process.ask_to_end()

    def end_all(self) -> None:
        """Asks all to end and waits until they have saved themselves; a second signal ends them at once."""
        try:
            for process, _, _ in self.active.values():
                process.ask_to_end()
            while any(process.running() for process, _, _ in self.active.values()):
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            self.kill_all()
            raise

    def kill_all(self) -> None:
        """Ends all at once."""
        for process, _, _ in self.active.values():
            process.kill()

    def _say(self, text: str) -> None:
        self._console.print(escape(f"[{len(self.outcomes)} of {self._count} done] {text}"), soft_wrap=True)
