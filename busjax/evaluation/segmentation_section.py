"""What report and terminal show of predicted lesion masks."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from busjax.evaluation.bootstrap import LEVEL
from busjax.evaluation.counts import size_of, size_text
from busjax.evaluation.examples import MaskExample
from busjax.evaluation.page import picture
from busjax.evaluation.rows import MISSING, number
from busjax.evaluation.segmentation import FIGURES, SEGMENTATION, Segmentation
from busjax.evaluation.segmentation_figures import outline_gallery, overlap_figure
from busjax.page import paragraph

HEADINGS = {"dice": "Dice", "iou": "IoU", "sensitivity": "Sens", "specificity": "Spec"}


def segmentation_rows(entry: Mapping[str, Any]) -> list[tuple[str, str, dict[str, tuple[str, str]]]]:
    """The lines of a table: of all images with a mask, of those with a lesion, and of those of each class.

    Args:
      entry: as from `segmentation_results`.

    Returns:
      Label, "images (cases)", and for each of `FIGURES` the mean (0.xxx) and its interval as texts.
    """

    def cells(summaries: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        told = {}
        for name in FIGURES:
            interval = summaries[name]["interval"]
            ends = f"[{number(interval['low'])}, {number(interval['high'])}]" if interval else ""
            told[name] = (number(summaries[name]["mean"]), ends)
        return told

    return [
        ("all with a mask", size_of(entry), cells(entry)),
        (
            "with a lesion",
            size_text(entry["lesion_images"], entry["lesion_cases"], entry.get("lesion_versions")),
            cells(entry["lesions"]),
        ),
        *((name, size_of(own), cells(own)) for name, own in entry["by_class"].items()),
    ]


def print_segmentation(entry: Mapping[str, Any], title: str, console: Console) -> None:
    """Prints the means of one part and their intervals; upright, so that it fits a narrow console."""
    how = f"{title}: masks, threshold {entry['threshold']:g} ({entry['threshold_from']}), means over images"
    console.print(Text(how, style="bold"))
    rows = segmentation_rows(entry)
    rows, by_class = rows[:2], rows[2:]
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    for label, _, _ in rows:
        table.add_column(label, justify="right", no_wrap=True)
    table.add_row("images (cases)", *(size for _, size, _ in rows))
    for name, heading in HEADINGS.items():
        table.add_row(heading, *(Text(" ".join(filter(None, cells[name]))) for _, _, cells in rows))
    console.print(table)
    if by_class:
        table = Table(show_edge=False, pad_edge=False)
        for heading in ("class", "images (cases)", "IoU"):
            table.add_column(heading, justify="left" if heading == "class" else "right", no_wrap=True)
        for name, size, cells in by_class:
            table.add_row(name, size, Text(" ".join(filter(None, cells["iou"]))))
        table.add_row("mean of the classes", "", number(entry["iou_average"]))
        console.print(table)
    console.print(Text(f"  {entry['empty_masks']}", style="dim"))


def segmentation_html(
    results: Mapping[str, Any],
    parts: Mapping[str, str],
    segmentations: Mapping[str, Segmentation],
    examples: Mapping[str, Sequence[MaskExample]],
) -> str:
    """The report's section; '' where there are no masks in the results.

    Args:
      results: as from `build_results`.
      parts: the names that parts go by in headings, in the order they are shown.
      segmentations: by part, for the histograms.
      examples: of the test part, by the words that stand beside each row of the gallery.
    """
    content = ""
    for part, heading in parts.items():
        if entry := results.get(part, {}).get(SEGMENTATION):
            content += f"<h3>{escape(heading)}</h3>{_table(entry)}"
            if part in segmentations and segmentations[part].has_lesion.any():
                content += picture(overlap_figure(segmentations[part]), alternative=f"Dice and IoU, {heading}")
    for name, own in results.get("datasets", {}).items():
        for part, heading in parts.items():
            if entry := own.get(part, {}).get(SEGMENTATION):
                content += f"<h3>{escape(f'{name} by itself, {heading.lower()}')}</h3>{_table(entry)}"
    if any(examples.values()):
        threshold = results["test"][SEGMENTATION]["threshold"]
        caption = (
            "Test images as the network saw them, and the same with the true lesion outlined in green and the predicted"
            f" one (probability above {threshold:g}) in orange: the highest, the middle and the lowest Dice among"
            " images with a lesion, and, where there are images without one, those with the most pixels called lesion."
        )
        figure = outline_gallery(examples, threshold=threshold)
        content += "<h3>Outlines</h3>" + picture(figure, alternative="True and predicted outlines", caption=caption)
    return content


def _table(entry: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{text}</th>" for text in ("Over", "Images (cases)", *HEADINGS.values()))
    lines = []
    for label, size, cells in segmentation_rows(entry):
        values = [f"{escape(cells[name][0])}<small>{escape(cells[name][1])}</small>" for name in FIGURES]
        cells_html = "".join(f"<td>{cell}</td>" for cell in (escape(label), escape(size), *values))
        lines.append(f'<tr class="ours">{cells_html}</tr>')
    notes = (
        f"Means over images, each compared at the network's input ({entry['pixels']} pixels, the true mask resized as"
        f" the image was); a pixel is called lesion above {entry['threshold']:g} ({entry['threshold_from']})."
        f" {entry['empty_masks']}: the line of images with a lesion leaves both out. Sensitivity is undefined without a"
        f" lesion ({MISSING} or left out of the mean)."
    )
    if entry["by_class"]:
        notes += f" Unweighted mean of the IoU of normal, benign and malignant images: {number(entry['iou_average'])}."
    if entry["dice"]["interval"]:
        notes += (
            f" In brackets, {100 * LEVEL:g} % intervals from {entry['resamples']} resamples of cases"
            f" (seed {entry['seed']})."
        )
    if entry["unmasked"]:
        notes += f" {entry['unmasked']} more images have no mask."
    body = "\n".join(lines)
    table = f'<div class="scroll"><table class="results">\n<tr>{head}</tr>\n{body}\n</table></div>'
    return table + paragraph(notes, note=True)
