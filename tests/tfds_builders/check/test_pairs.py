import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.tfds_builders.check.pictures import COPIES, mirror, prints_of, scene
from tfds_builders.check import pairs as pairs_module
from tfds_builders.check.pairs import Rule, close_hashes, correlate, find_pairs, join
from tfds_builders.record import DatasetError

# Few distinct values close to each other, so that there are pairs to find.
HASHES = st.lists(
    st.one_of(
        st.integers(0, 2**64 - 1),
        st.sets(st.integers(0, 63), max_size=12).map(lambda bits: sum(1 << bit for bit in bits)),
    ),
    min_size=1,
    max_size=30,
)


def bits_apart(one: int, two: int) -> int:
    return bin(one ^ two).count("1")


def listed(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[tuple[int, int, int]]:
    return list(zip(*(column.tolist() for column in found), strict=True))


@settings(max_examples=60, deadline=None)
@given(HASHES, st.integers(0, 64), st.integers(1, 40))
def test_close_hashes_are_those_of_two_loops(hashes: list[int], most: int, block: int) -> None:
    expected = [
        (i, j, bits_apart(one, two))
        for (i, one), (j, two) in itertools.combinations(enumerate(hashes), 2)
        if bits_apart(one, two) <= most
    ]
    assert listed(close_hashes(np.array(hashes, np.uint64), most, block=block)) == expected


@settings(max_examples=60, deadline=None)
@given(HASHES, st.integers(0, 64), st.integers(1, 40), st.randoms(use_true_random=False))
def test_mirrored_hashes_are_compared_both_ways(hashes: list[int], most: int, block: int, random) -> None:  # type: ignore[no-untyped-def]
    mirrored = [value ^ (1 << random.randrange(64)) for value in hashes]
    expected = []
    for i, j in itertools.combinations(range(len(hashes)), 2):
        distance = min(bits_apart(hashes[i], mirrored[j]), bits_apart(mirrored[i], hashes[j]))
        if distance <= most:
            expected.append((i, j, distance))
    arrays = np.array(hashes, np.uint64), np.array(mirrored, np.uint64)
    assert listed(close_hashes(arrays[0], most, arrays[1], block=block)) == expected


def test_correlation_is_that_of_numpy() -> None:
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 256, (6, 96, 96), dtype=np.uint8)
    thumbnails[1] = 255 - thumbnails[0]
    thumbnails[2] = np.clip(thumbnails[0].astype(int) + rng.integers(-60, 60, (96, 96)), 0, 255)
    thumbnails[5] = 7
    first, second = np.triu_indices(6, 1)
    for mirrored in (False, True):
        turned = thumbnails[:, :, ::-1] if mirrored else thumbnails
        expected = [
            0.0 if 5 in (i, j) else np.corrcoef(thumbnails[i].ravel(), turned[j].ravel())[0, 1]
            for i, j in zip(first, second, strict=True)
        ]
        found = correlate(thumbnails, first, second, mirrored=mirrored, block=4)
        np.testing.assert_allclose(found, expected, atol=2e-5)
    assert correlate(thumbnails, first, second)[0] == pytest.approx(-1)


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_found_among_strangers(kind: str) -> None:
    originals = [scene(seed) for seed in range(12)]
    images = [*originals, *(COPIES[kind](image) for image in originals)]
    found = find_pairs(prints_of(images), Rule())
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(i, i + 12) for i in range(12)]
    assert not found.exact.any()
    assert (found.distance <= 14).all()
    assert (found.correlation > 0.6).all()


def test_mirrored_copies_only_where_asked() -> None:
    originals = [scene(seed) for seed in range(8)]
    prints = prints_of([*originals, *(mirror(COPIES["recompressed"](image)) for image in originals), originals[0]])
    plain = find_pairs(prints, Rule())
    assert (plain.first.tolist(), plain.second.tolist(), plain.exact.tolist()) == ([0], [16], [True])
    both = find_pairs(prints, Rule(mirrored=True))
    rows = [(i, i + 8, True) for i in range(8)] + [(0, 16, False), (8, 16, True)]
    assert list(zip(both.first.tolist(), both.second.tolist(), both.mirrored.tolist(), strict=True)) == sorted(rows)
    assert both.exact.sum() == 1


def test_equal_pixels_are_exact_and_equal_bytes_of_another_shape_are_not() -> None:
    wide = scene(0, 240, 120)
    tall = Image.fromarray(np.asarray(wide).reshape(240, 120))
    one_level_off = np.asarray(wide).copy()
    one_level_off[3, 5] += 1
    prints = prints_of([wide, tall, wide.copy(), Image.fromarray(one_level_off)])
    found = find_pairs(prints, Rule())
    assert list(zip(found.first.tolist(), found.second.tolist(), found.exact.tolist(), strict=True)) == [
        (0, 2, True),
        (0, 3, False),
        (2, 3, False),
    ]
    assert found.correlation[0] == 1


def test_blank_images_are_no_near_duplicates_but_may_be_exact_ones() -> None:
    blank = [Image.new("L", (60, 50), grey) for grey in (0, 90, 0, 255)]
    found = find_pairs(prints_of(blank), Rule(min_correlation=-0.5, mirrored=True))
    assert [(i, j) for i, j, exact in zip(found.first, found.second, found.exact, strict=True) if exact] == [(0, 2)]
    assert (find_pairs(prints_of(blank), Rule()).first.tolist(), len(find_pairs(prints_of(blank), Rule()))) == ([0], 1)


def test_rule_has_two_bounds_and_asks_for_more_than_its_correlations() -> None:
    distance = np.array([8, 8, 9, 9, 14, 14, 15])
    correlation = np.array([0.61, 0.6, 0.94, 0.96, 0.95, 0.96, 1.0], np.float32)
    assert Rule().holds(distance, correlation).tolist() == [True, False, False, True, False, True, False]
    assert Rule(4, 0.5, 9, 0.9).holds(distance, correlation).tolist() == [False, False, True, True] + [False] * 3


def test_too_many_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_module, "MAX_PAIRS", 5)
    assert len(close_hashes(np.zeros(3, np.uint64), 8)[0]) == 3
    with pytest.raises(DatasetError, match="more than 5 pairs of images differ in at most 8 bits"):
        close_hashes(np.zeros(4, np.uint64), 8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_joining_is_the_transitive_closure(case: tuple[int, set[tuple[int, int]]]) -> None:
    count, links = case
    reach = np.eye(count, dtype=bool)
    for i, j in links:
        reach[i, j] = reach[j, i] = True
    for _ in range(count):
        reach = reach @ reach
    columns = np.array(sorted(links), np.int64).reshape(-1, 2)
    assert join(columns[:, 0], columns[:, 1], count).tolist() == reach.argmax(axis=1).tolist()
