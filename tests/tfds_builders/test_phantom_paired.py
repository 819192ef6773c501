"""The paired phantom: what it holds, how a mammogram is formed, and that no trivial number tells the class."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from tfds_builders.overlaps import refuse_overlap
from tfds_builders.phantom.mammography import Exposure, Parenchyma, mammogram
from tfds_builders.phantom.mass import Mass
from tfds_builders.phantom.paired import PairedImage, simulate_lesion, views_of
from tfds_builders.phantom.phantom import Phantom
from tfds_builders.reading import BUSDataset, make_builder, open_dataset, prepare
from tfds_builders.record import DatasetError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BUSDataset:
    """The first lesions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Phantom, "LESIONS", 4)
        return prepare("phantom/paired", tmp_path_factory.mktemp("data"))


def test_contents(built: BUSDataset) -> None:
    table = built.table
    assert built.name == "phantom/paired"
    assert set(table.dataset.tolist()) == {"phantom/paired"}
    lesions = list(dict.fromkeys(table.case_id.tolist()))
    assert lesions == [f"phantom/paired-{number:04d}" for number in range(4)]
    assert [table.label[table.case_id == lesion].tolist()[0] for lesion in lesions] == [2, 1] * 2
    assert len(np.unique(table.image_id)) == len(table)
    for lesion in lesions:
        rows = table.case_id == lesion
        assert len(set(zip(table.label[rows], table.solid[rows], table.histology[rows], strict=True))) == 1
        mammograms = rows & (table.modality == "mammography")
        assert set(table.view[mammograms].tolist()) <= {"CC", "MLO"}
        assert 1 <= mammograms.sum() <= 2
        assert set(table.modality[rows & ~mammograms].tolist()) == {"ultrasound"}
        assert 2 <= (rows & ~mammograms).sum() <= 3
    for row in range(len(built)):
        example = built[row]
        assert (example["modality"], example["view"]) == (table.modality[row], table.view[row])
        mask = example["mask"][..., 0] > 0
        assert 0.003 < mask.mean() < 0.5
        # A whole lesion is in the picture, of mammography with tissue around it.
        if example["modality"] == "mammography":
            rows, columns = np.nonzero(mask)
            assert min(rows.min(), columns.min()) > 0
            assert rows.max() < mask.shape[0] - 1
            assert columns.max() < mask.shape[1] - 1
        assert 15 < example["image"].mean() < 190


def test_facts_are_those_of_the_whole_dataset(tmp_path: Path) -> None:
    facts = make_builder("phantom/paired", tmp_path).facts
    pictures = [sum(map(len, views_of(Phantom.PAIRED_SEED, number).values())) for number in range(Phantom.LESIONS)]
    assert facts.images == sum(pictures)
    assert facts.classes == {"malignant": sum(pictures[::2]), "benign": sum(pictures[1::2])}
    assert facts.cases == f"{Phantom.LESIONS} lesions"
    assert make_builder("phantom", tmp_path).facts is Phantom.FACTS


def test_it_is_a_form_of_the_phantom_beside_the_other(built: BUSDataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="phantom is not built"):
        open_dataset("phantom", built.data_dir)
    assert make_builder("phantom", tmp_path).data_dir == str(tmp_path / "phantom" / "1.1.0")
    with pytest.raises(DatasetError, match="phantom and phantom/paired are one dataset in two forms"):
        refuse_overlap(["phantom", "phantom/paired"])
    with pytest.raises(DatasetError, match="phantom has no config 'pared'; expected one of phantom/paired"):
        make_builder("phantom/pared", tmp_path)


def test_same_seed_same_pictures_in_any_order() -> None:
    forward = [simulate_lesion(5, number, 0.3) for number in (0, 1)]
    backward = [simulate_lesion(5, number, 0.3) for number in (1, 0)][::-1]
    for first, second in zip(forward, backward, strict=True):
        assert [picture.view for picture in first] == [picture.view for picture in second]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.mask, other.mask)
    assert simulate_lesion(6, 0, 0.3)[0].image.tobytes() != forward[0][0].image.tobytes()


ANGLES = 512
BARE = Mass(np.full(ANGLES, 6.0), 10.0, 1.5, 0.3, np.zeros((0, 4)), np.zeros((0, 5)))
FAT = Parenchyma(density=0.0, thickness_mm=50.0, clumps=0.0, strands=0.0)
STILL = Exposure("CC", 200, 220, 0.25, 4.0, -3.0, 100.0, False, False, 0.0, 0.01, 1.0)


def expose(mass: Mass, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    """Without texture, noise and blur; the display is that of the picture."""
    picture, mask = mammogram(mass, FAT, replace(STILL, **changes), np.random.default_rng(0))
    return picture.astype(float), mask


def test_a_mass_in_fat() -> None:
    picture, mask = expose(BARE)
    # A disk of 6 mm, up to the view's own change of size of 8 %, where it was put.
    radius_mm = np.sqrt(mask.sum() / np.pi) * 0.25
    assert 0.92 * 6 - 0.1 < radius_mm < 1.08 * 6 + 0.1
    rows, columns = np.nonzero(mask)
    centre = (columns.mean() + 0.5) * 0.25 - 27.5, (rows.mean() + 0.5) * 0.25 - 25
    np.testing.assert_allclose(centre, (4, -3), atol=0.1)
    # It is densest in its middle, where the ray's way through it is longest, and nothing else is there.
    middle = picture[round(rows.mean()), round(columns.mean())]
    inner = ndimage.distance_transform_edt(mask)
    assert middle == picture.max()
    assert middle > picture[(inner > 0) & (inner < 4)].mean() > picture[~mask].mean() + 20
    outside = picture[ndimage.distance_transform_edt(~mask) > 4]
    assert np.ptp(outside) <= 1


def test_a_mirrored_picture_is_mirrored() -> None:
    for one, other in zip(expose(BARE), expose(BARE, mirrored=True), strict=True):
        np.testing.assert_array_equal(one, other[:, ::-1])


@pytest.mark.parametrize(("view", "across"), [("CC", 3.0), ("MLO", (3.0 - 2.0) / np.sqrt(2))])
def test_two_views_see_a_calcification_from_two_sides(view: str, across: float) -> None:
    """At x, y, z = 2, 3, -2 mm; seen at 45 degrees, y and z count alike."""
    speck = np.array([[2.0, 3.0, -2.0, 0.6, 4.0]])
    without, _ = expose(replace(BARE, density=0.0), view=view)
    shown, _ = expose(replace(BARE, density=0.0, specks=speck), view=view)
    rows, columns = np.nonzero(shown > without + 100)
    np.testing.assert_allclose((columns.mean() + 0.5) * 0.25 - 27.5, 4 + 2, atol=0.1)
    np.testing.assert_allclose((rows.mean() + 0.5) * 0.25 - 25, -3 + across, atol=0.1)
    # Its border is a pixel wide.
    assert np.pi * (0.6 - 0.125) ** 2 < len(rows) * 0.25**2 < np.pi * (0.6 + 0.25) ** 2


def test_spicules_reach_beyond_the_mass() -> None:
    along_x = np.array([[0.0, 8.0, 0.6, 6.0]])
    picture, mask = expose(replace(BARE, spicules=along_x))
    plain, _ = expose(BARE)
    rows, columns = np.nonzero((picture > plain + 20) & ~mask)
    assert len(rows) > 20
    x, y = (columns + 0.5) * 0.25 - 27.5 - 4, (rows + 0.5) * 0.25 - 25 + 3
    # In the picture they are turned a little, as in every view.
    assert np.abs(np.arctan2(y, x)).max() < 0.5
    assert 2 < np.hypot(x, y).max() - 6 < 9


@pytest.fixture(scope="module")
def lesions() -> list[list[PairedImage]]:
    return [simulate_lesion(21, number, size=0.5) for number in range(36)]


def auc(lesions: list[list[PairedImage]], modality: str, measure: Callable[[PairedImage], float]) -> float:
    """Area under the curve of the mean over a lesion's views."""
    scores = [np.mean([measure(p) for p in lesion if p.modality == modality]) for lesion in lesions]
    return float(roc_auc_score([lesion[0].kind == "carcinoma" for lesion in lesions], scores))


TRIVIAL: dict[str, Callable[[PairedImage], float]] = {
    "mean": lambda picture: float(picture.image.mean()),
    "spread": lambda picture: float(picture.image.std()),
    "mean inside": lambda picture: float(picture.image[picture.mask].mean()),
    "pixels": lambda picture: float(picture.image.size),
    "pixels inside": lambda picture: float(picture.mask.sum()),
    "black": lambda picture: float((picture.image == 0).mean()),
    "left column": lambda picture: float(picture.image[:, 0].mean()),
}


@pytest.mark.parametrize("modality", ["mammography", "ultrasound"])
@pytest.mark.parametrize("name", TRIVIAL)
def test_no_trivial_number_tells_the_class(name: str, modality: str, lesions: list[list[PairedImage]]) -> None:
    assert 0.2 < auc(lesions, modality, TRIVIAL[name]) < 0.8


def roughness(picture: PairedImage) -> float:
    """Length of the outline beside the root of the area."""
    edge = picture.mask & ~ndimage.binary_erosion(picture.mask)
    return float(edge.sum() / np.sqrt(picture.mask.sum()))


def spiculation(picture: PairedImage) -> float:
    """How much more grey levels change around the lesion than towards it, in a ring outside."""
    away = ndimage.distance_transform_edt(~picture.mask)
    radius = np.sqrt(picture.mask.sum() / np.pi)
    ring = (away > 0.1 * radius) & (away < 0.9 * radius)
    gy, gx = np.gradient(ndimage.gaussian_filter(picture.image.astype(float), 1.0))
    rows, columns = np.nonzero(picture.mask)
    y, x = (np.indices(picture.mask.shape) - np.array([rows.mean(), columns.mean()])[:, None, None])[:, ring]
    around, towards = gx[ring] * y - gy[ring] * x, gx[ring] * x + gy[ring] * y
    return float(np.log(np.mean(around**2) / np.mean(towards**2)))


def test_each_modality_tells_something_and_not_all(lesions: list[list[PairedImage]]) -> None:
    assert 0.62 < auc(lesions, "mammography", spiculation) < 0.95
    assert 0.62 < auc(lesions, "ultrasound", roughness) < 0.95


def test_how_many_pictures_a_lesion_has_does_not_tell_the_class() -> None:
    for seed in range(5):
        views = [views_of(seed, number) for number in range(40)]
        assert views[::2] == views[1::2]
        assert {len(one["mammography"]) for one in views} == {1, 2}
        assert {len(one["ultrasound"]) for one in views} == {2, 3}
