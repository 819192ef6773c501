"""What is raised when a config cannot be."""


class ConfigError(ValueError):
    """A field of the config that cannot be; the message names it, what was found and what was expected."""
