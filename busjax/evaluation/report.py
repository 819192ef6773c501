"""The report of one run: one self-contained HTML page."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from busjax.atomic import write_atomic
from busjax.evaluation.bootstrap import LEVEL
from busjax.evaluation.counts import OF_VERSIONS, has_versions, size_text
from busjax.evaluation.definitions import definitions_html
from busjax.evaluation.examples import CamExample, FeatureExample, MaskExample
from busjax.evaluation.figures import confusion_matrix, roc_curves, training_curves
from busjax.evaluation.galleries import cam_gallery, feature_maps
from busjax.evaluation.localisation import Localisation, energy_inside, pointing_game
from busjax.evaluation.multiclass import is_multiclass
from busjax.evaluation.multiclass_section import HEADINGS, classes_html
from busjax.evaluation.page import STYLE, facts, picture
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.published import OTHER_DATA
from busjax.evaluation.results import LEAKS, PARTS
from busjax.evaluation.rows import MISSING, NO_PLACE, RATE_COLUMNS, Row, number, outputs_of, table_rows
from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.segmentation_section import segmentation_html
from busjax.evaluation.tables.leaks import LEAKING
from busjax.page import Section, page, paragraph

PART_NAMES = {"test": "Test", "val": "Validation", "train": "Training"}


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    run_facts: Mapping[str, object],
    results: Mapping[str, Any],
    predictions: Mapping[str, Sequence[Predictions]] | None = None,
    history: Sequence[Mapping[str, object]] = (),
    cam_examples: Mapping[str, Sequence[CamExample]] | None = None,
    feature_examples: Sequence[FeatureExample] = (),
    segmentations: Mapping[str, Segmentation] | None = None,
    mask_examples: Mapping[str, Sequence[MaskExample]] | None = None,
    place: tuple[str, str] = NO_PLACE,
) -> None:
    """Writes the report, whole or not at all; a section without data is left out.

    Args:
      path: the HTML file; its folder is created if needed.
      title: of the page.
      run_facts: what the run is, shown in this order (dataset, images and cases per part, revision, versions, seed...).
        Two names are special: 'notice' stands out at the top (e.g. that the images are synthetic), and 'command' is
        shown as the command that makes the run again.
      results: as from `build_results` or `read_results`.
      predictions: for each part, the outputs to draw ROC curves and confusion matrices of.
      history: rows for `training_curves`.
      cam_examples: for each output, the examples of the gallery and of the localisation numbers.
      feature_examples: rows for `feature_maps`.
      segmentations: for each part, the counted pixels of predicted masks to draw histograms of.
      mask_examples: rows of the gallery of outlines, of the test part.
      place: the run's `table.name` and `table.row`, which say what published rows to show.

    Raises:
      ValueError: predictions that cannot be drawn (no known target).
      OSError: the file cannot be written.
    """
    predictions, cam_examples = predictions or {}, cam_examples or {}
    shown = {name: value for name, value in run_facts.items() if name not in ("notice", "command")}
    mark = f", {LEAKING}" if results.get(LEAKS) else ""
    sections = [
        Section("run", "What this run is", _run(shown, results.get("selection", {}))),
        *(
            Section(f"results-{part}", f"{PART_NAMES[part]} results{mark}", _table(results, part, place))
            for part in PARTS
            if outputs_of(results, part)
        ),
        Section("datasets", f"Each dataset by itself{mark}", _datasets(results.get("datasets", {}))),
        Section(
            "segmentation",
            f"Segmentation{mark}",
            segmentation_html(results, PART_NAMES, segmentations or {}, mask_examples or {}),
        ),
        Section("roc", "ROC curves", _roc(predictions)),
        Section("confusion", "Confusion matrices", _confusion(predictions, results)),
        Section("training", "Training curves", _training(history)),
        Section("cams", "Class activation maps", _cams(cam_examples, results)),
        Section("features", "Feature maps of the two pathways", _features(feature_examples)),
        Section("definitions", "Definitions", definitions_html(results)),
        Section("reproduce", "How to make this run again", _reproduce(str(run_facts.get("command", "")))),
    ]
    kept = [section for section in sections if section.content]
    leak = f"{LEAKING.capitalize()}: {results[LEAKS]}. The figures are too high." if results.get(LEAKS) else ""
    notice = " ".join(filter(None, [str(run_facts.get("notice", "")), leak]))
    write_atomic(path, page(title, kept, notice=notice, style=STYLE))


def _run(shown: Mapping[str, object], selection: Mapping[str, object]) -> str:
    content = facts(shown) if shown else ""
    if selection:
        content += "<h3>How the checkpoint was chosen</h3>" + _chosen(selection)
    return content


def _chosen(selection: Mapping[str, object]) -> str:
    """The selection as a table; of a network with its own choice, the facts in one line."""
    lines: dict[str, object] = {}
    for name, value in selection.items():
        if isinstance(value, Mapping):
            lines[name] = ", ".join(f"{key} {MISSING if item is None else item}" for key, item in value.items())
        else:
            lines[name] = MISSING if value is None else value
    return facts(lines)


def _table(results: Mapping[str, Any], part: str, place: tuple[str, str]) -> str:
    outputs = outputs_of(results, part)
    of_two = next((metrics for metrics in outputs.values() if not is_multiclass(metrics)), None)
    content = ""
    if of_two is not None:
        rates = {name: name.replace("_", " ").capitalize() for name in RATE_COLUMNS}
        columns = {"auc": "AUC", "f_beta": f"F{of_two['beta']:g}"} | rates
        how = f"Decision threshold {of_two['threshold']:g} ({of_two['threshold_from']}); rates in percent."
        content += _rows_table(table_rows(results, part, place, whole=True), columns, "TP/FN/TN/FP", how, of_two)
    of_more = {name: metrics for name, metrics in outputs.items() if is_multiclass(metrics)}
    if of_more:
        rows = table_rows(results, part, place, multiclass=True, whole=True)
        columns = {
            name: heading
            for name, heading in HEADINGS.items()
            if any(row.values.get(name, MISSING) != MISSING for row in rows)
        }
        how = "Each image decided as the class with the highest score; rates in percent."
        content += _rows_table(rows, columns, "", how, next(iter(of_more.values())))
        content += "".join(classes_html(name, metrics) for name, metrics in of_more.items())
    if any(map(has_versions, outputs.values())):
        content += paragraph(f"{OF_VERSIONS}.", note=True)
    return content


def _rows_table(
    rows: Sequence[Row], columns: Mapping[str, str], counts: str, how: str, first: Mapping[str, Any]
) -> str:
    """A table of rows, and under it how its numbers came about; `first` has what is said of the intervals."""
    headings = ("Output", "Images (cases)", *columns.values(), *filter(None, [counts]))
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "\n".join(_table_row(row, columns, bool(counts)) for row in rows)
    if any(row.intervals for row in rows):
        how += (
            f" In brackets, {100 * LEVEL:g} % confidence intervals from {first['resamples']} resamples of cases"
            f" (seed {first['seed']})."
        )
    if sources := list(dict.fromkeys(row.source for row in rows if row.published)):
        how += (
            f" Rows marked “{OTHER_DATA}” are from {'; '.join(sources)}. They were measured on other images or other"
            " parts of them and cannot be compared directly with ours."
        )
    ours = list(dict.fromkeys(f"{row.label}: {row.note}." for row in rows if row.note))
    notes = "".join(paragraph(text, note=True) for text in (how, *ours))
    return f'<div class="scroll"><table class="results">\n<tr>{head}</tr>\n{body}\n</table></div>{notes}'


def _datasets(datasets: Mapping[str, Any]) -> str:
    return "".join(
        f"<h3>{escape(name)}, {PART_NAMES[part].lower()}</h3>{_table(results, part, NO_PLACE)}"
        for name, results in datasets.items()
        for part in PARTS
        if outputs_of(results, part)
    )


def _table_row(row: Row, columns: Mapping[str, str], counts: bool) -> str:
    size = f'<span class="badge">{OTHER_DATA}</span>' if row.published else escape(_size(row))
    cells = [escape(row.label), size]
    for name in columns:
        interval = f"<small>{escape(row.intervals[name])}</small>" if name in row.intervals else ""
        cells.append(escape(row.values.get(name, MISSING)) + interval)
    if counts:
        cells.append(escape(row.counts))
    style = "published" if row.published else "ours"
    return f'<tr class="{style}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _size(row: Row) -> str:
    return size_text(row.images, row.cases, row.versions)


def _roc(predictions: Mapping[str, Sequence[Predictions]]) -> str:
    pictures = [
        picture(roc_curves(predictions[part], title=PART_NAMES[part]), alternative=f"ROC curves, {PART_NAMES[part]}")
        for part in PARTS
        if predictions.get(part)
    ]
    return f'<div class="figures">{"".join(pictures)}</div>' if pictures else ""


def _confusion(predictions: Mapping[str, Sequence[Predictions]], results: Mapping[str, Any]) -> str:
    content = ""
    for part in PARTS:
        pictures = []
        for output in predictions.get(part, ()):
            threshold = results.get(part, {}).get(output.name, {}).get("threshold", 0.5)
            how = f"threshold {threshold:g}" if len(output.classes) == 2 else "highest score"
            figure = confusion_matrix(output, threshold=threshold, title=f"{output.name}, {how}")
            alternative = f"Confusion matrix of {output.name}, {PART_NAMES[part]}"
            pictures.append(picture(figure, alternative=alternative))
        if pictures:
            content += f'<h3>{PART_NAMES[part]}</h3><div class="figures">{"".join(pictures)}</div>'
    what = "Versions of images" if any(map(has_versions, results.get("test", {}).values())) else "Images"
    text = f"{what}, and percent of the {what[0].lower()}{what[1:]} of the true class (row)."
    return content and content + paragraph(text, note=True)


def _training(history: Sequence[Mapping[str, object]]) -> str:
    return picture(training_curves(history), alternative="Training curves") if history else ""


def _cams(cam_examples: Mapping[str, Sequence[CamExample]], results: Mapping[str, Any]) -> str:
    given = {output: examples for output, examples in cam_examples.items() if examples}
    if not given:
        return ""
    lines = []
    for output, examples in given.items():
        pointing, energy = pointing_game(examples), energy_inside(examples)
        counts = f"{pointing.images} ({pointing.skipped} without)"
        chance = number(energy.chance, percent=True)
        cells = [escape(output), counts, _against_chance(pointing), _against_chance(energy), chance]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    headings = ("Output", "Images with a lesion mask", "Pointing game %", "Sum inside the lesion %", "Chance %")
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    content = "<h3>Do the maps find the lesion?</h3>"
    content += f'<div class="scroll"><table>\n<tr>{head}</tr>\n{"".join(lines)}\n</table></div>'
    content += paragraph(
        "Over the examples given to this report that have a lesion mask. Pointing game: how often the map's maximum"
        " lies inside the lesion (Zhang et al. 2018). Sum inside: the share of the whole map that lies inside it."
        " Chance is what a constant map reaches: the share of the image that the lesion covers.",
        note=True,
    )
    for output, examples in given.items():
        threshold = results.get("test", {}).get(output, {}).get("threshold", 0.5)
        caption = (
            "Image, and image with the class activation map (blue low, red high); the lesion's outline in green where"
            " there is a mask. "
        )
        if examples[0].classes:
            caption += "Over it the class that is decided, and its score."
        else:
            caption += f"The score is that of the positive class; positive above {threshold:g}."
        figure = cam_gallery(examples, threshold=threshold)
        content += f"<h3>{escape(output)}</h3>"
        content += picture(figure, alternative=f"Class activation maps of {output}", caption=caption)
    return content


def _against_chance(result: Localisation) -> str:
    if not result.images:
        return MISSING
    verdict = "above chance" if result.value > result.chance else '<span class="warn">not above chance</span>'
    return f"{number(result.value, percent=True)}<small>{verdict}</small>"


def _features(examples: Sequence[FeatureExample]) -> str:
    if not examples:
        return ""
    caption = (
        "At the point where they are added: feature maps of the image, F_img(x_img), and of the other network's class"
        " activation map, F_cam(x_cam), each scaled by itself from black to white (as Fig. 10 of Qi et al. 2019)."
    )
    return picture(feature_maps(examples), alternative="Feature maps of both pathways", caption=caption)


def _reproduce(command: str) -> str:
    if not command:
        return ""
    return f"<pre>{escape(command)}</pre>" + paragraph(
        "The work directory holds what this page was made from: config.json (configuration and versions), splits/,"
        " predictions/ (every score, as CSV) and results.json (every number of the tables).",
        note=True,
    )
