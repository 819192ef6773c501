"""The papers whose tables of results are kept in `papers/`: what each table is, and how the paper prints."""

from collections.abc import Mapping
from dataclasses import dataclass

RATES = (
    *("accuracy", "sensitivity", "specificity", "precision", "balanced_accuracy", "fpr", "fnr"),
    *("printed_accuracy", "accuracy_ovr", "precision_macro", "recall_macro"),
)
"""Metrics that we show in percent."""

CLASS_IOUS = ("iou_normal", "iou_benign", "iou_malignant", "iou_average")
"""Mean IoU over the images of a class, and the unweighted mean of the three."""

METRICS = (*RATES, "f1", "f2", "auc", "f1_macro", "f1_of_means", "auc_macro", "dice", "iou", *CLASS_IOUS, "iou_lesions")
"""Metrics a published row may have."""

QUESTIONS: dict[str, tuple[str, ...]] = {
    "malignant": ("not_malignant", "malignant"),
    "solid": ("no_solid_nodule", "solid_nodule"),
    "tumour": ("normal", "benign", "malignant"),
}
"""What a table may ask, and the classes of an output that answers it."""


@dataclass(frozen=True)
class Contents:
    """What is in a published table.

    Attributes:
      title: what it compares.
      data: the images it was measured on.
      question: of `QUESTIONS`.
      part: of the data that it is measured on, 'val' or 'test'.
      columns: the metrics to show beside each other, of the published rows and of ours; () for all that a row has.
    """

    title: str
    data: str
    question: str = "malignant"
    part: str = "test"
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paper:
    """A paper with tables of results.

    Attributes:
      source: the reference.
      short: the reference in a few words.
      tables: by the table's name, which ends in what the paper calls it: 'shareef_4' is Table 4.
      auc_is: 'auc' or 'balanced_accuracy', what the paper prints as AUC.
      percent: the metrics it prints in percent.
    """

    source: str
    short: str
    tables: Mapping[str, Contents]
    auc_is: str = "auc"
    percent: tuple[str, ...] = RATES


_WEST_CHINA = "images of West China Hospital, not public"
_ALL_FIVE = "3641 images of HMSS, BUSI, BUSIS, Thammasat, Dataset B"
_WITH_MASKS = "1209 images of BUSI, BUSIS"
_SHEBA = "120 lesions of Sheba Medical Center, leave one out, not public"
_BUSI = "780 images of BUSI (the paper's counts by class add up to 830)"
_OF_QI = ("f2", "accuracy", "sensitivity", "specificity", "auc")
_OF_CLASSES = ("accuracy", "accuracy_ovr", "printed_accuracy", "precision_macro", "recall_macro")


PAPERS: dict[str, Paper] = {
    "qi2019": Paper(
        source="Qi et al., Automated diagnosis of breast ultrasonography images using deep neural networks, "
        "Medical Image Analysis 52 (2019) 185-198",
        short="Qi et al. 2019",
        tables={
            "qi_4": Contents(
                "Malignant or not, validation part", f"1357 {_WEST_CHINA}", "malignant", "val", columns=_OF_QI
            ),
            "qi_5": Contents("Malignant or not, test part", f"1359 {_WEST_CHINA}", "malignant", columns=_OF_QI),
            "qi_6": Contents(
                "Solid nodule or not, validation part", f"1357 {_WEST_CHINA}", "solid", "val", columns=_OF_QI
            ),
            "qi_7": Contents("Solid nodule or not, test part", f"1359 {_WEST_CHINA}", "solid", columns=_OF_QI),
        },
    ),
    "hijab2019": Paper(
        source="Hijab, Rushdi, Gomaa, Eldeib, Breast cancer classification in ultrasound images using transfer "
        "learning, 2019",
        short="Hijab et al. 2019",
        tables={
            "hijab_1": Contents(
                "Training from scratch, transfer learning and fine-tuning",
                "images of Baheya hospital, not public, which were augmented before they were divided",
                columns=("accuracy", "sensitivity", "specificity", "f1", "auc"),
            ),
        },
        percent=(),
    ),
    "dizaj2021": Paper(
        source="Dizaj, Valizadeh, Breast cancer segmentation and classification in ultrasound images using "
        "convolutional neural network, preprint 10.21203/rs.3.rs-952669/v1, 2021",
        short="Dizaj and Valizadeh 2021",
        tables={
            "dizaj_2": Contents(
                "Normal, benign or malignant",
                _BUSI,
                "tumour",
                columns=(*_OF_CLASSES, "f1_macro", "f1_of_means", "auc_macro"),
            ),
            "dizaj_3": Contents(
                "Segmentation, IoU by class", _BUSI, "tumour", columns=("iou", *CLASS_IOUS, "iou_lesions", "dice")
            ),
        },
        percent=(*RATES, "f1_of_means", *CLASS_IOUS),
    ),
    "shareef": Paper(
        source="Shareef, Xian, Sun, Vakanski, Ding, Ning, Cheng, A benchmark for breast ultrasound image "
        "classification",
        short="Shareef et al.",
        tables={
            "shareef_4": Contents("Training from scratch and transfer learning", _ALL_FIVE),
            "shareef_5": Contents("Augmentation and none", _ALL_FIVE),
            "shareef_6": Contents("Loss functions", _ALL_FIVE),
            "shareef_7": Contents("Optimizers", _ALL_FIVE),
            "shareef_8": Contents("One task and two", _WITH_MASKS),
            "shareef_9": Contents("Approaches with two tasks", _WITH_MASKS),
            "shareef_website": Contents("On the benchmark's website only", _ALL_FIVE),
        },
        # The released code passes 0/1 decisions to roc_auc_score, which gives the mean of sensitivity and specificity;
        # `tables.auc_check` shows it row by row.
        auc_is="balanced_accuracy",
    ),
    "habib2020": Paper(
        source="Habib, Kiryati, Sklair-Levy, Shalmon, Halshtok Neiman, Faermann Weidenfeld, Yagil, Konen, Mayer, "
        "Automatic breast lesion classification by joint neural analysis of mammography and ultrasound, 2020",
        short="Habib et al. 2020",
        tables={
            "habib_1": Contents("Mammography, ultrasound, and both", _SHEBA),
            "habib_baselines": Contents("Networks of others, re-trained", _SHEBA),
            "habib_readers": Contents("Four radiologists and the best model", _SHEBA),
        },
    ),
}
"""By the name of their file in `papers/`."""
