"""The checker of annotations that tests run under."""

from beartype import BeartypeConf, beartype

# As in PEP 484, an int is good where a float is asked for.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
