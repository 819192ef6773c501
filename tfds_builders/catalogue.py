"""The page that lists all datasets, docs/datasets.md, from what their builders state about themselves."""

from collections.abc import Mapping, Sequence

from tfds_builders import BUILDERS
from tfds_builders.builder import BUSBuilder
from tfds_builders.reading import builder_class
from tfds_builders.record import LABELS

_INTRODUCTION = """# Datasets

<!-- Written by `python -m tfds_builders docs`; change the builders, not this page. -->

Every dataset is built by `python -m tfds_builders NAME` from the release itself and opened by `tfds_builders.reading`.
Numbers are those of the whole release. *Access*: **download**, the command fetches it; **by hand**, get it from the
page and name its folder with `--manual_dir`; **generated**, the command makes it; **your own**, it is built from your
files.
"""

_HEADER = (
    "Name",
    "Images",
    "Cases",
    "Classes",
    "Solid nodule known",
    "Masks",
    "Shares images with",
    "Licence",
    "Access",
)


def load_builders() -> dict[str, type[BUSBuilder]]:
    """Imports the builders of all datasets, by name."""
    return {name: builder_class(name) for name in sorted(BUILDERS)}


def catalogue(builders: Mapping[str, type[BUSBuilder]]) -> str:
    """The page in Markdown: a table with a row for each dataset, and below it the configs of those that have some."""
    lines = [_INTRODUCTION, _row(_HEADER), _row(["---"] * len(_HEADER))]
    lines += [_row(_describe(name, builder)) for name, builder in builders.items()]
    configs = [
        _configs(name, builder)
        for name, builder in builders.items()
        if builder.BUILDER_CONFIGS or builder.EXTRA_CONFIGS
    ]
    if configs:
        lines += ["", "## Configs", "", "The first is built where none is named.", "", *configs]
    return "\n".join(lines) + "\n"


def access(builder: type[BUSBuilder]) -> str:
    """How its release is got: "download", "partly by hand", "by hand", "generated" or "your own"."""
    if builder.CUSTOM_CONFIGS:
        return "your own"
    needed = [part for part in builder.PARTS if not part.optional]
    if not needed:
        return "generated"
    fetched = [part for part in needed if part.url is not None]
    if not fetched:
        return "by hand"
    return "download" if len(fetched) == len(needed) else "partly by hand"


def _describe(name: str, builder: type[BUSBuilder]) -> Sequence[str]:
    facts = builder.FACTS
    classes = ", ".join(f"{label} {facts.classes[label]}" for label in LABELS if facts.classes.get(label))
    page = f" ([page]({builder.HOMEPAGE}))" if builder.HOMEPAGE else ""
    return (
        f"[{name}](../tfds_builders/{name}/README.md)",
        str(facts.images or "-"),
        facts.cases,
        classes or "-",
        facts.solid,
        facts.masks,
        ", ".join(facts.overlaps) or "-",
        builder.LICENSE or "-",
        f"{access(builder)}{page}",
    )


def _configs(name: str, builder: type[BUSBuilder]) -> str:
    told = [
        f"`{name}/{config.name}`" + (f" ({config.description.strip().rstrip('.')})" if config.description else "")
        for config in (*builder.BUILDER_CONFIGS, *builder.EXTRA_CONFIGS)
    ]
    if builder.EXTRA_CONFIGS:
        told.insert(0, f"`{name}`")
    return f"- {', '.join(told)}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
