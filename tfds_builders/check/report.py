"""The report of a check as one HTML file, with the pictures of what was found."""

import numpy as np
from jaxtyping import Bool, Int64

from busjax.page import Section, page, paragraph
from tfds_builders.check.collection import Collection
from tfds_builders.check.findings import BLANK_SPREAD, Findings, name_groups
from tfds_builders.check.page import STYLE, card, cards, figure, table
from tfds_builders.check.pairs import Rule
from tfds_builders.check.summary import count


def build_report(collection: Collection, findings: Findings, rule: Rule, max_shown: int) -> str:
    """Builds the page.

    Args:
        collection: the images, some of which are read again for their pictures.
        findings: what was found.
        rule: by which the near duplicates were found.
        max_shown: how many pairs or images a section shows; it says how many are left out.
    """
    pairs, same_case = findings.pairs, findings.same_case
    near = ~pairs.exact
    view = _View(collection, findings, max_shown)
    sections = [
        Section("summary", "Summary", _summary(collection, findings, rule)),
        view.pairs(
            "exact",
            "Exact duplicates",
            pairs.exact,
            "All decoded pixels are equal. Pairs in two cases come first: a split by case may put them on both sides.",
        ),
        view.pairs(
            "leak",
            "Near duplicates in two cases",
            near & ~same_case,
            "Nearly the same picture, but not the same case: a split by case may put them on both sides of it.",
        ),
        view.pairs(
            "known",
            "Near duplicates in one case",
            near & same_case,
            "Nearly the same picture and the same case: a split by case keeps them together.",
        ),
        view.pairs(
            "labels",
            "Conflicting labels",
            findings.labels_differ,
            "Exact and near duplicates from above whose classes differ: at most one of the two labels is right.",
        ),
        view.images(
            "sizes",
            "Masks of another size",
            findings.resized_mask,
            "The release has a mask of another size than the image; it was resized when the dataset was built.",
        ),
        view.images(
            "blank",
            "Blank images",
            findings.blank,
            f"Constant or nearly so: at most {BLANK_SPREAD} grey levels between the 1st and the 99th percentile.",
        ),
        view.images(
            "empty",
            "Lesions without mask pixels",
            findings.empty_mask,
            "Benign or malignant, with a mask in which no pixel is set.",
        ),
    ]
    return page(f"Check of {', '.join(collection.names)}", sections, style=STYLE)


def _summary(collection: Collection, findings: Findings, rule: Rule) -> str:
    groups = name_groups(collection, findings)
    joined = sum(map(len, groups))
    told = [
        "Two images are near duplicates where their 64-bit perceptual hashes differ in at most "
        f"{rule.max_distance} bits and their 96 x 96 grey thumbnails correlate above {rule.min_correlation:g}, or in "
        f"at most {rule.far_distance} bits and they correlate above {rule.far_correlation:g}. Black borders are cut "
        "off first." + (" Mirror images (left and right exchanged) are compared too." if rule.mirrored else ""),
        f"Joined transitively, the pairs make {len(groups)} groups of {joined} images, of {len(collection)} in all.",
        "All images could be read: a dataset with an unreadable one is not built.",
    ]
    parts = [paragraph(text) for text in told]
    parts += [table(counts.title, counts.header, counts.rows) for counts in count(collection, findings)]
    if (collection.known >= 0).any():
        note = "A known pair is any two images of one group that the dataset lists as near-duplicates. "
        parts.append(paragraph(note + "'Joined' counts every pair that a chain of found pairs links.", note=True))
    return "\n".join(parts)


class _View:
    """Sections with pictures."""

    def __init__(self, collection: Collection, findings: Findings, max_shown: int):
        self._collection, self._findings, self._max_shown = collection, findings, max_shown
        self._labels = collection.label_names

    def pairs(self, anchor: str, heading: str, chosen: Bool[np.ndarray, " pairs"], text: str) -> Section:
        """Pairs side by side: those in two cases first, then by falling likeness."""
        pairs, same_case = self._findings.pairs, self._findings.same_case
        rows = np.flatnonzero(chosen)
        order = np.lexsort((-pairs.correlation[rows], pairs.distance[rows], same_case[rows]))
        shown = [self._pair(row) for row in rows[order][: self._max_shown].tolist()]
        return self._section(anchor, heading, len(rows), text, "pairs", cards(shown))

    def images(self, anchor: str, heading: str, rows: Int64[np.ndarray, " chosen"], text: str) -> Section:
        """Single images, in their order."""
        shown = [card([self._figure(row)]) for row in rows[: self._max_shown].tolist()]
        return self._section(anchor, heading, len(rows), text, "images", cards(shown, single=True))

    def _section(self, anchor: str, heading: str, total: int, text: str, unit: str, content: str) -> Section:
        heading = f"{heading} ({total})"
        if not total:
            return Section(anchor, heading, paragraph("None."))
        left_out = total - self._max_shown
        told = f"{left_out} more {unit} are not shown; {unit}.csv has all of them."
        note = paragraph(told, note=True) if left_out > 0 else ""
        return Section(anchor, heading, paragraph(text) + content + note)

    def _pair(self, row: int) -> str:
        pairs, findings = self._findings.pairs, self._findings
        warnings: list[str] = []
        facts: list[str] = []
        (facts if findings.same_case[row] else warnings).append("same case" if findings.same_case[row] else "two cases")
        if findings.labels_differ[row]:
            warnings.append("labels differ")
        if pairs.exact[row]:
            facts.append("exact")
        if pairs.mirrored[row]:
            facts.append("mirrored")
        facts += [f"distance {pairs.distance[row]}", f"correlation {pairs.correlation[row]:.3f}"]
        return card([self._figure(int(pairs.first[row])), self._figure(int(pairs.second[row]))], warnings, facts)

    def _figure(self, row: int) -> str:
        data = self._collection.table
        lines = [
            f"in {data.dataset[row]}",
            f"{self._labels[row]}, case {data.case_id[row]}",
            f"{data.width[row]} x {data.height[row]} pixels",
        ]
        if data.has_mask[row] and row in self._findings.resized_mask:
            lines.append(f"mask {data.mask_width[row]} x {data.mask_height[row]} as released")
        return figure(self._collection[row]["image"], str(data.image_id[row]), lines)
