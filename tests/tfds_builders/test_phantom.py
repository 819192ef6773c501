import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from tfds_builders.phantom.anatomy import KINDS
from tfds_builders.phantom.phantom import Phantom
from tfds_builders.phantom.simulation import PhantomImage, simulate_case
from tfds_builders.reading import BUSDataset


def test_same_seed_same_images_in_any_order() -> None:
    forward = [simulate_case(5, case) for case in (0, 1, 2, 3)]
    backward = [simulate_case(5, case) for case in (3, 2, 1, 0)][::-1]
    for first, second in zip(forward, backward, strict=True):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.mask, other.mask)


def test_seeds_cases_and_views_differ() -> None:
    images = [view.image for seed in (0, 1) for case in (1, 5, 9) for view in simulate_case(seed, case)]
    assert len(images) > 6
    assert len({image.tobytes() for image in images}) == len(images)


def test_contents(phantom: BUSDataset) -> None:
    table = phantom.table
    assert len(phantom) == Phantom.FACTS.images
    cases, first, views = np.unique(table.case_id, return_index=True, return_counts=True)
    assert len(cases) == Phantom.CASES == 300
    assert set(views) == {1, 2, 3}
    assert np.bincount(table.label[first]).tolist() == [75, 150, 75]
    assert set(zip(table.histology, table.label, table.solid, strict=True)) == {
        ("", 0, 0),
        ("cyst", 1, 0),
        ("fibroadenoma", 1, 1),
        ("invasive ductal carcinoma", 2, 1),
    }
    assert all(table.device)
    assert table.has_mask.all()
    aspect = table.width / table.height
    assert 0.74 < aspect.min() < 0.8
    assert 1.5 < aspect.max() < 1.61
    assert np.minimum(table.width, table.height).min() >= 200
    for index in range(0, len(phantom), 9):
        example = phantom[index]
        share = (example["mask"] > 0).mean()
        assert (share == 0) if example["label"] == 0 else (0.003 < share < 0.5)
        # Shown in grey, neither black nor white all over.
        assert 15 < example["image"].mean() < 190


@pytest.fixture(scope="module")
def images() -> dict[str, list[PhantomImage]]:
    views = [view for case in range(160) for view in simulate_case(11, case, size=0.6)]
    return {kind: [view for view in views if view.kind == kind] for kind in KINDS}


def contrast_inside(view: PhantomImage) -> float:
    """Mean grey level inside the lesion minus that of a ring around it."""
    ring = ndimage.binary_dilation(view.mask, iterations=10) & ~ndimage.binary_dilation(view.mask, iterations=3)
    inside = ndimage.binary_erosion(view.mask, iterations=2)
    return float(view.image[inside].mean() - view.image[ring].mean()) if inside.any() else np.nan


def contrast_behind(view: PhantomImage) -> float:
    """Mean grey level of a box below the lesion's middle minus those of boxes beside it at the same depth."""
    rows, columns = np.nonzero(view.mask)
    left, right, bottom = columns.min(), columns.max(), rows.max()
    quarter = (right - left) // 4
    depth = slice(bottom + 3, bottom + 3 + max(10, (bottom - rows.min()) // 2))
    behind = view.image[depth, left + quarter : right - quarter + 1]
    beside = np.concatenate(
        [
            view.image[depth, max(left - 4 * quarter, 0) : max(left - quarter, 0)],
            view.image[depth, right + quarter : right + 4 * quarter],
        ],
        axis=1,
    )
    return float(behind.mean() - beside.mean()) if behind.size and beside.size else np.nan


def mean_and_error(values: list[float]) -> tuple[float, float]:
    known = np.array(values)[~np.isnan(values)]
    assert len(known) > 30
    return float(known.mean()), float(known.std() / np.sqrt(len(known)))


def test_lesions_are_dark(images: dict[str, list[PhantomImage]]) -> None:
    inside = {kind: mean_and_error([contrast_inside(view) for view in images[kind]]) for kind in KINDS[1:]}
    for mean, error in inside.values():
        assert mean < -5 * error
    # Cysts have the least echo, fibroadenomas the most.
    assert inside["cyst"][0] < inside["carcinoma"][0] < inside["fibroadenoma"][0]


def test_bright_behind_cysts_and_shadow_behind_carcinomas(images: dict[str, list[PhantomImage]]) -> None:
    behind = {kind: mean_and_error([contrast_behind(view) for view in images[kind]]) for kind in KINDS[1:]}
    assert behind["cyst"][0] > 3 * behind["cyst"][1]
    assert behind["carcinoma"][0] < -3 * behind["carcinoma"][1]
    assert behind["carcinoma"][0] < behind["fibroadenoma"][0] < behind["cyst"][0]


def test_outlines(images: dict[str, list[PhantomImage]]) -> None:
    def height_over_width(view: PhantomImage) -> float:
        rows, columns = np.nonzero(view.mask)
        return float((np.ptp(rows) + 1) / (np.ptp(columns) + 1))

    def roughness(view: PhantomImage) -> float:
        edge = view.mask & ~ndimage.binary_erosion(view.mask)
        return float(edge.sum() / np.sqrt(view.mask.sum()))

    tall = {kind: np.median([height_over_width(view) for view in images[kind]]) for kind in KINDS[1:]}
    rough = {kind: np.median([roughness(view) for view in images[kind]]) for kind in KINDS[1:]}
    assert tall["fibroadenoma"] < 0.8 < tall["carcinoma"]
    assert rough["carcinoma"] > 1.05 * max(rough["cyst"], rough["fibroadenoma"])


def test_speckle_is_rayleigh() -> None:
    """Before log compression, the ratio of mean to standard deviation of fully developed speckle is 1.91."""
    from tfds_builders.phantom.plane import Plane
    from tfds_builders.phantom.ultrasound import Scanner, b_mode

    flat = np.zeros((300, 300), dtype=np.float32)
    plane = Plane(flat, flat.copy(), flat.copy(), np.zeros((300, 300), dtype=bool))
    scanner = Scanner(
        axial_mm=0.1,
        lateral_mm=0.2,
        focus_mm=20.0,
        spread=0.0,
        dynamic_range_db=60.0,
        gain_db=-5.0,
        tgc_error_db=0.0,
        noise_db=-200.0,
        smoothing=0.01,
    )
    grey = b_mode(plane, 0.1, scanner, np.random.default_rng(0)).astype(float)
    envelope = 10 ** (grey / 255 * 60 / 20)
    assert envelope.mean() / envelope.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.05)


def test_neither_trivial_nor_hopeless(phantom: BUSDataset) -> None:
    table = phantom.table
    small = np.stack(
        [
            np.asarray(Image.fromarray(phantom[index]["image"][..., 0]).resize((32, 32), Image.Resampling.BILINEAR))
            for index in range(len(phantom))
        ]
    )
    inputs = small.reshape(len(small), -1) / 127.5 - 1
    case = np.unique(table.case_id, return_inverse=True)[1]
    case = np.random.default_rng(0).permutation(case.max() + 1)[case]
    for target, low, high in ((table.label == 2, 0.65, 0.88), (table.solid == 1, 0.55, 0.85)):
        scores = np.zeros(len(inputs))
        for train, test in GroupKFold(5).split(inputs, target, case):
            model = LogisticRegression(C=0.01, max_iter=500).fit(inputs[train], target[train])
            scores[test] = model.decision_function(inputs[test])
        assert low < roc_auc_score(target, scores) < high
