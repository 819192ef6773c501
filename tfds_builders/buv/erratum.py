"""Which videos of BUV are not what their folder says, as (folder, video) without the "x" that some names begin with.

Source: the erratum of the authors' repository (jhl-Det/CVA-Net, 2023-03-25), but for the last case of `CASES`.
"""

LEFT_OUT = {
    # The same recording as malignant/x3b88488853e8b7d1, which has the correct label.
    ("benign", "66ef02e7f1b9a0ef"),
}

# One patient, overlapping frames; the correct label is malignant.
_PATIENT = (
    ("malignant", "2390fbea047347b"),
    ("malignant", "7a39ab5d4970bf89"),
    ("benign", "63c9ba1377f35bf6"),
    ("benign", "5a1c46ec6377e946"),
)
# 106 of 110 frames of the first equal those of the second, under the other label. Reported by two public projects that
# use BUV, not by the authors, so which label is right is not known: both stay as released, in one case.
_RECORDING = (("benign", "1282311c38f808f"), ("malignant", "9c1c965d274c457"))

CASES = {
    **dict.fromkeys(_PATIENT, "malignant/2390fbea047347b"),
    **dict.fromkeys(_RECORDING, "malignant/9c1c965d274c457"),
}
"""Videos that are one case with others, and that case."""

LABELS = dict.fromkeys(_PATIENT, "malignant")
"""Videos whose label is not their folder."""
