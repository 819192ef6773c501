"""Public breast-ultrasound (BUS) datasets as TFDS builders that share one record.

One folder per dataset, in TFDS's own layout. `BUILDERS` names them all; `reading.prepare` builds one and opens it,
`reading.open_dataset` opens one that is built, and `python -m tfds_builders NAME` does the first from the shell.
"""

BUILDERS: dict[str, str] = {
    "breast_lesions_usg": "tfds_builders.breast_lesions_usg.breast_lesions_usg:BreastLesionsUsg",
    "bus_benchmark": "tfds_builders.bus_benchmark.bus_benchmark:BusBenchmark",
    "bus_bra": "tfds_builders.bus_bra.bus_bra:BusBra",
    "bus_cot": "tfds_builders.bus_cot.bus_cot:BusCot",
    "bus_uc": "tfds_builders.bus_uc.bus_uc:BusUc",
    "bus_uclm": "tfds_builders.bus_uclm.bus_uclm:BusUclm",
    "busi": "tfds_builders.busi.busi:Busi",
    "busi_whu": "tfds_builders.busi_whu.busi_whu:BusiWhu",
    "busis": "tfds_builders.busis.busis:Busis",
    "buv": "tfds_builders.buv.buv:Buv",
    "curated_busi": "tfds_builders.curated_busi.curated_busi:CuratedBusi",
    "dataset_b": "tfds_builders.dataset_b.dataset_b:DatasetB",
    "gdph_sysucc": "tfds_builders.gdph_sysucc.gdph_sysucc:GdphSysucc",
    "hmss": "tfds_builders.hmss.hmss:Hmss",
    "manifest": "tfds_builders.manifest.manifest:Manifest",
    "oasbud": "tfds_builders.oasbud.oasbud:Oasbud",
    "paired_lesions": "tfds_builders.paired_lesions.paired_lesions:PairedLesions",
    "phantom": "tfds_builders.phantom.phantom:Phantom",
    "qamebi": "tfds_builders.qamebi.qamebi:Qamebi",
    "rodrigues": "tfds_builders.rodrigues.rodrigues:Rodrigues",
    "stu_hospital": "tfds_builders.stu_hospital.stu_hospital:StuHospital",
    "tdsc_abus": "tfds_builders.tdsc_abus.tdsc_abus:TdscAbus",
    "thammasat": "tfds_builders.thammasat.thammasat:Thammasat",
}
"""Dataset name -> "module:class" of its builder; the module is imported only when the dataset is used."""
