"""Which videos of BUV are not what their folder says, as (folder, video) without the "x" that some names begin with.

Source: the erratum of the authors' repository (jhl-Det/CVA-Net, 2023-03-25), but for the second entry of `LEFT_OUT`.
"""

LEFT_OUT = {
    # The same recording as malignant/x3b88488853e8b7d1, which has the correct label.
    ("benign", "66ef02e7f1b9a0ef"),
    # A training video of which 106 of 110 frames equal those of malignant/x9c1c965d274c457, a video of the official
    # validation part, under the other label. Reported by two public projects that use BUV, not by the authors' erratum,
    # so which label is right is not known; the validation part stays as it is.
    ("benign", "1282311c38f808f"),
}

SAME_PATIENT = {
    # One patient, overlapping frames; the correct label is malignant.
    ("malignant", "2390fbea047347b"),
    ("malignant", "7a39ab5d4970bf89"),
    ("benign", "63c9ba1377f35bf6"),
    ("benign", "5a1c46ec6377e946"),
}
SAME_PATIENT_CASE = "malignant/2390fbea047347b"
SAME_PATIENT_LABEL = "malignant"
