"""What is wrong with the runs of a table."""


class TableError(ValueError):
    """Runs that cannot be put in a table; the message names the file or field, what was found and what was expected."""
