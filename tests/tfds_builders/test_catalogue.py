from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered

from tfds_builders import BUILDERS
from tfds_builders.builder import BUSBuilder
from tfds_builders.catalogue import access, catalogue, load_builders
from tfds_builders.release import Facts, Part

PROJECT = Path(__file__).parents[2]
FETCHED, BY_HAND = Part(("A",), archive="A.zip", url="https://a.org/A.zip", checksum="md5:0"), Part(("B",))
OPTIONAL = Part(("C",), optional=True)


def stand_in(**changes: Any) -> type[BUSBuilder]:
    """A builder of which only the page is wanted."""
    facts = Facts(
        images=12, cases="3 | 4 women", solid="none", masks="every\n image", classes={"malignant": 5, "benign": 7}
    )
    with registered.skip_registration():
        return type("StandIn", (BUSBuilder,), {"FACTS": facts, "LICENSE": "CC BY", **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PARTS": (FETCHED, OPTIONAL)}, "download"),
        ({"PARTS": (FETCHED, BY_HAND)}, "partly by hand"),
        ({"PARTS": (BY_HAND, OPTIONAL)}, "by hand"),
        ({}, "generated"),
        ({"PARTS": (BY_HAND,), "CUSTOM_CONFIGS": True}, "your own"),
    ],
)
def test_access(changes: dict[str, Any], expected: str) -> None:
    assert access(stand_in(**changes)) == expected


def test_text() -> None:
    configs = [tfds.core.BuilderConfig(name="x", description="The first."), tfds.core.BuilderConfig(name="y")]
    text = catalogue({"a": stand_in(HOMEPAGE="https://a.org"), "b": stand_in(BUILDER_CONFIGS=configs)})
    rows = [line for line in text.splitlines() if line.startswith("| [")]
    start = "12 | 3 \\| 4 women | benign 7, malignant 5 | none | every image | - | CC BY | generated"
    assert rows[0] == f"| [a](../tfds_builders/a/README.md) | {start} ([page](https://a.org)) |"
    assert rows[1] == f"| [b](../tfds_builders/b/README.md) | {start} |"
    assert text.endswith("\n- `b/x` (The first), `b/y`\n")
    beside = catalogue({"a": stand_in(EXTRA_CONFIGS=(configs[0],))})
    assert beside.endswith("\n- `a`, `a/x` (The first)\n")
    assert "Configs" not in catalogue({"a": stand_in()})


def test_links_lead_somewhere() -> None:
    for name in load_builders():
        assert (PROJECT / "tfds_builders" / name / "README.md").is_file(), name


def test_committed_page_is_what_the_builders_say() -> None:
    builders = load_builders()
    assert list(builders) == sorted(BUILDERS)
    page = PROJECT / "docs" / "datasets.md"
    assert page.is_file(), "run: python -m tfds_builders docs"
    assert page.read_text(encoding="utf-8") == catalogue(builders), "run: python -m tfds_builders docs"
