"""A progress bar with rate and time left."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """The rate of the last steps."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed * task.fields['images']:.1f} images/s")


def make_progress(console: Console) -> Progress:
    """A bar whose tasks count steps; the field `images` is the number of images of a step, `told` is shown at the end.

    On a terminal it moves; in a log file nothing is drawn, and the lines that epochs print are what there is.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left {task.fields[told]}"),
        console=console,
        speed_estimate_period=600,
        disable=not console.is_terminal,
    )
