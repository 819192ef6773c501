"""What is raised when released weights cannot be used."""


class PretrainedError(ValueError):
    """A file of weights that cannot be fetched, read or fitted; the message names the file.

    The first line of the message says what is wrong; further lines, where there are any, list the particulars.
    """
