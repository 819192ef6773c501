"""What is raised when a sweep cannot be."""


class SweepError(ValueError):
    """A sweep that cannot be run; the message names the file, run or field, what was found and what was expected."""
