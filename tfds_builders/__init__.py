"""Public breast-ultrasound (BUS) datasets as TFDS builders that share one record.

One folder per dataset, in TFDS's own layout. `BUILDERS` names them all; `reading.prepare` builds one and opens it,
`reading.open_dataset` opens one that is built, and `python -m tfds_builders NAME` does the first from the shell.
"""

BUILDERS: dict[str, str] = {
    "bus_bra": "tfds_builders.bus_bra.bus_bra:BusBra",
    "busi": "tfds_builders.busi.busi:Busi",
    "phantom": "tfds_builders.phantom.phantom:Phantom",
}
"""Dataset name -> "module:class" of its builder; the module is imported only when the dataset is used."""
