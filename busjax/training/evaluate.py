"""The end of a run: the best checkpoints on validation and test images, the tables and the report."""

import json
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from rich.console import Console

from busjax.evaluation.counts import OF_CASES
from busjax.evaluation.examples import MaskExample
from busjax.evaluation.predictions import Predictions, write_csv
from busjax.evaluation.report import write_report
from busjax.evaluation.results import build_results, print_results, write_results
from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.segmentation_file import write_segmentation
from busjax.evaluation.tables.leaks import leak
from busjax.fields import flatten
from busjax.methods import pretraining_epochs
from busjax.names import EVERY, LEAVE_ONE_OUT
from busjax.training.describe import network_title
from busjax.training.final import write_final
from busjax.training.picked import cam_examples, feature_examples, varied
from busjax.training.picked_masks import mask_examples
from busjax.training.pretraining import told_errors
from busjax.training.releases import settle_releases
from busjax.training.run import Run
from busjax.training.scoring import Scored
from busjax.training.validation import in_units
from tfds_builders.record import MALIGNANT

GALLERY = 3  # images of each outcome, as in Fig. 11
LOCALISED = 400  # more images that maps are compared with masks on: as many as fit in memory at full size
SHOWN_FEATURES = 4  # rows of the feature maps' figure


def evaluate(run: Run, facts: dict[str, Any], console: Console) -> dict[str, Any]:
    """Evaluates the best checkpoint of every network; writes predictions, results.json and report.html.

    An output comes from the checkpoint that is best for its own network on the validation part; where it takes the
    other network's map, that is the other network of the same checkpoint.

    Args:
      run: with at least one checkpoint of a validated epoch.
      facts: config.json's content.
      console: where the table goes.

    Raises:
      CheckpointError: there is none, or it does not fit the config.
    """
    config, method = run.config, run.method
    selection, scored = {}, {}
    of_step: dict[int, dict[str, Scored]] = {}  # of a checkpoint that several selectors have chosen, once
    masks: dict[str, list[MaskExample]] = {}
    for selector in method.selectors:
        step, value = run.checkpoints.best(selector)
        selection[selector] = {
            "metric": config.selection.metric,
            "mode": config.selection.mode,
            "part": "val",
            "among": _among(config),
            "step": step,
            "value": value,
        }
        if step not in of_step:
            state = run.restore(step)
            of_step[step] = {part: run.score(state, part) for part in ("val", "test")}
            masks |= mask_examples(run, state, of_step[step]["test"], GALLERY)
        scored[selector] = of_step[step]
    images = {
        part: [
            next(p for p in scored[selector][part].predictions if p.name == output)
            for output, selector in method.reported_with.items()
        ]
        for part in ("val", "test")
    }
    first = scored[method.selectors[0]]  # a method that draws lesions has one network
    parts = {part: in_units(outputs, first[part].rows, run) for part, outputs in images.items()}
    drawn = {part: one.segmentation for part, one in first.items() if one.segmentation is not None}
    results = build_results(
        parts,
        selection,
        segmentations=drawn,
        dataset_segmentations=_segmentation_by_dataset(run, drawn, {part: first[part].rows for part in drawn}),
        mask_threshold=config.eval.mask_threshold,
        datasets=_by_dataset(run, images, {part: first[part].rows for part in parts}),
        beta=config.eval.beta,
        threshold=config.eval.threshold,
        seed=config.seed,
        leak=_leak(run),
        unit=config.eval.unit,
        versions=bool(config.data.variants),
    )
    if jax.process_index() == 0:
        for part, predictions in parts.items():
            write_csv(run.workdir.predictions / f"{part}.csv", predictions)
        for part, segmentation in drawn.items():
            write_segmentation(run.workdir.predictions / f"{part}_segmentation.csv", segmentation)
        _write_report(run, facts, results, parts, {s: scored[s]["test"] for s in method.selectors}, drawn, masks)
        write_final(run.workdir.path, run.checkpoints.latest() or 0, results)
        # The last of the files: where it is, the others are.
        write_results(run.workdir.results, results)
    print_results(results, console, place=(config.table.name, config.table.row))
    return results


def _among(config: ConfigDict) -> str:
    """The epochs that could be chosen, in words."""
    share = f"epochs after {config.selection.after:.0%} of training"
    before = pretraining_epochs(config)
    return f"{share}, of which the {before} epochs of pre-training are no part" if before else share


def _by_dataset(
    run: Run, parts: dict[str, list[Predictions]], rows: dict[str, np.ndarray]
) -> dict[str, dict[str, list[Predictions]]]:
    """The predictions of each part of each dataset; nothing where there is one dataset.

    An output is left out where a dataset knows none of its targets (malignant or not, of one without classes).
    """
    datasets = run.data.dataset.table.dataset
    names = list(dict.fromkeys(datasets.tolist()))
    found: dict[str, dict[str, list[Predictions]]] = {}
    for name in names if len(names) > 1 else ():
        own: dict[str, list[Predictions]] = {}
        for part, outputs in parts.items():
            chosen = datasets[rows[part]] == name
            known = [output.subset(chosen) for output in outputs if output.known[chosen].any()]
            own |= {part: in_units(known, rows[part][chosen], run)} if known else {}
        found[name] = own
    return found


def _segmentation_by_dataset(
    run: Run, drawn: dict[str, Segmentation], rows: dict[str, np.ndarray]
) -> dict[str, dict[str, Segmentation]]:
    """The masks of each part of each dataset; nothing where there is one dataset, or of one without masks."""
    datasets = run.data.dataset.table.dataset
    names = list(dict.fromkeys(datasets.tolist()))
    found: dict[str, dict[str, Segmentation]] = {}
    for name in names if len(names) > 1 else ():
        own = {part: whole.subset(datasets[rows[part]] == name) for part, whole in drawn.items()}
        found[name] = {part: one for part, one in own.items() if one.has_mask.any()}
    return found


def _leak(run: Run) -> str:
    """Why images of one patient may stand on both sides of the split, as tables of runs say it."""
    table = run.data.dataset.table
    cases = {
        part: dict(zip(table.image_id[rows].tolist(), table.case_id[rows].tolist(), strict=True))
        for part, rows in run.data.split.parts().items()
    }
    return leak(flatten(run.config), cases)


def _write_report(
    run: Run,
    facts: dict[str, Any],
    results: dict[str, Any],
    parts: dict[str, list],
    test: dict[str, Scored],
    drawn: dict[str, Segmentation],
    masks: dict[str, list[MaskExample]],
) -> None:
    config, method = run.config, run.method
    cams = {}
    for output, selector in method.reported_with.items():
        scored = test[selector]
        if output not in scored.cams:
            continue
        # The gallery's images first: it shows the first of each outcome; the localisation numbers are over all given.
        first = varied(scored, output, GALLERY, config.eval.threshold)
        rest = np.random.default_rng(config.seed).permutation(np.setdiff1d(np.arange(len(scored.rows)), first))
        rest = rest[:LOCALISED]
        cams[output] = cam_examples(run.config, run.data, scored, output, np.concatenate([first, rest]))
    scored = test[method.selectors[0]]
    cells = {name: scored.cams[name].shape[2:] for name in method.networks if name in scored.cams}
    shown = varied(scored, method.selectors[0], 1, config.eval.threshold)[:SHOWN_FEATURES]
    write_report(
        run.workdir.report,
        title=f"{config.method} on {_datasets(run)}",
        run_facts=_facts(run, facts["launches"], cells),
        results=results,
        predictions=parts,
        history=run.checkpoints.facts(run.checkpoints.latest() or 0)["history"],
        cam_examples=cams,
        feature_examples=feature_examples(config, run.data, scored, shown),
        segmentations=drawn,
        mask_examples=masks,
        place=(config.table.name, config.table.row),
    )


def _facts(run: Run, launches: list[dict[str, Any]], cells: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    config, table = run.config, run.data.dataset.table
    settled = settle_releases(config)
    shown: dict[str, Any] = {
        "method": config.method,
        "dataset": _datasets(run),
        "split": _split(config),
        "seed": config.seed,
    }
    for name, rows in run.data.split.parts().items():
        cases, malignant = len(np.unique(table.case_id[rows])), int((table.label[rows] == MALIGNANT).sum())
        shown[f"{name} part"] = f"{run.data.images_text(rows)} of {cases} cases, {malignant} malignant"
    shown |= {
        "networks": ", ".join(f"{name}: {network_title(settled, name)}" for name in run.method.networks),
        "first weights": _first_weights(run),
        "image size": f"{config.data.image_size} pixels, {config.data.resize}, {config.data.views} views at evaluation",
        "maps": "; ".join(f"{name}: {h}x{w} cells, enlarged to the image" for name, (h, w) in cells.items())
        or "none: hidden layers stand between the features and the last one",
        "steps trained": run.checkpoints.latest(),
        "git revision": _history(launch["git_revision"] for launch in launches),
        "versions": _history(
            ", ".join(f"{name} {version}" for name, version in launch["versions"].items()) for launch in launches
        ),
        "devices": _history(", ".join(launch["devices"]) for launch in launches),
        "command": launches[0]["command"],
    }
    used = np.concatenate([run.data.images[rows] for rows in run.data.split.parts().values()])
    if left_out := len(np.unique(run.data.images)) - len(np.unique(used)):
        shown["left out"] = f"{left_out} images for training that show a case of another dataset's test images"
    if errors := told_errors(run):
        shown["reconstruction errors"] = errors
    if notices := _notices(run):
        shown["notice"] = " ".join(notices)
    return shown


def _notices(run: Run) -> list[str]:
    """What a reader must know before the numbers."""
    found = []
    if any(name.partition("/")[0] == "phantom" for name in np.unique(run.data.dataset.table.dataset).tolist()):
        found.append(
            "The images of this run are synthetic. Its numbers show that the software works; they say nothing about "
            "breast ultrasound."
        )
    if run.config.data.resize in ("lesion", "lesion_square"):
        found.append(
            "The network sees the region of the lesion, cut out by the true mask, also at test: its numbers are those "
            "of lesions that someone has outlined, and stand beside those of whole images with this advantage. Of an "
            "image without lesion or mask it sees the middle"
            + (", whose constant share its further inputs tell." if run.config.data.resize == "lesion" else ".")
        )
    if run.config.eval.unit == "case":
        found.append(f"{OF_CASES}.")
    if run.data.split.in_turn:
        found.append(
            "Every case of the test part was left out in turn: its scores come from networks that were trained on the "
            "others, so that AUCs rank the scores of as many networks as there are cases. The training part is the "
            "same cases. The validation part scores none of them, and is scored by the networks of the first fold."
        )
    return found


def _datasets(run: Run) -> str:
    """The datasets in words: all, or those trained on and those tested."""
    table, parts = run.data.dataset.table, run.data.split.parts()
    train, test = (", ".join(dict.fromkeys(table.dataset[parts[part]].tolist())) for part in ("train", "test"))
    return train if train == test else f"{train}, tested on {test}"


def _first_weights(run: Run) -> str:
    """Where each network started, with the file's checksum."""
    if not run.workdir.pretrained.exists():
        return "random"
    loaded = json.loads(run.workdir.pretrained.read_text(encoding="utf-8"))
    return ", ".join(
        f"{name}: {origin['release']} ({origin['checksum']}{', not as published' * origin['differs_from_published']})"
        + (f", head of {origin['head_from']} at step {origin['head_step']}" if "head_from" in origin else "")
        for name, origin in loaded.items()
    )


def _history(values: Iterable[str]) -> str:
    """What held at every launch: one value, or several in their order."""
    return ", then ".join(dict.fromkeys(values))


def _split(config: ConfigDict) -> str:
    if config.data.fold == EVERY:
        return f"{LEAVE_ONE_OUT}, {config.data.folds} cases in turn, seed {config.data.split_seed}"
    fold = f", fold {config.data.fold}" if config.data.split in ("kfold", "official", LEAVE_ONE_OUT) else ""
    of = f" of {config.data.folds}" if config.data.split in ("kfold", LEAVE_ONE_OUT) else ""
    return f"{config.data.split}{fold}{of}, seed {config.data.split_seed}"
