"""Pairs of images that show the same picture: perceptual hashes propose them, correlation decides."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64, UInt8, UInt64
from scipy import sparse

from tfds_builders.check.fingerprints import Fingerprints
from tfds_builders.record import DatasetError

HASH_BLOCK = 512
CORRELATION_BLOCK = 1024
MAX_PAIRS = 10_000_000


@dataclass(frozen=True)
class Rule:
    """When two images count as near duplicates: by either of two bounds.

    Hashes within `max_distance` bits of 64 and thumbnails correlated above `min_correlation`; or, farther apart but
    more alike, within `far_distance` and above `far_correlation`.

    The defaults were measured on 108 real images of BUSI and 1134 of BUS-BRA. All 12 pairs of BUSI's known groups are
    found and none of the other 770,649 pairs, which was so with every `min_correlation` from 0 to 0.9. What tells them
    apart is images that were cut a little: with 2 % gone on every side 96 % are found at 0.6 and 20 % at 0.9. And among
    the 220 pairs of the whole of BUSI that made its known groups, 0.63 is the least correlation. A copy that has lost
    5 % on every side is mostly not found.
    """

    max_distance: int = 8
    min_correlation: float = 0.6
    far_distance: int = 14
    far_correlation: float = 0.95
    mirrored: bool = False
    """Whether an image is also compared with the others' mirror images (left and right exchanged)."""

    def holds(
        self, distance: Int[np.ndarray, " pairs"], correlation: Float32[np.ndarray, " pairs"]
    ) -> Bool[np.ndarray, " pairs"]:
        """Which pairs are near duplicates."""
        near = (distance <= self.max_distance) & (correlation > self.min_correlation)
        return near | ((distance <= self.far_distance) & (correlation > self.far_correlation))


@dataclass(frozen=True)
class Pairs:
    """Pairs of duplicates, one row each, in the order of their images.

    Attributes:
        first, second: rows of the two images, first < second.
        distance: bits in which their hashes differ, of 64.
        correlation: of their thumbnails.
        exact: whether the decoded pixels are equal.
        mirrored: whether one is like the mirror image of the other, to which distance and correlation then refer.
    """

    first: Int64[np.ndarray, " pairs"]
    second: Int64[np.ndarray, " pairs"]
    distance: Int64[np.ndarray, " pairs"]
    correlation: Float32[np.ndarray, " pairs"]
    exact: Bool[np.ndarray, " pairs"]
    mirrored: Bool[np.ndarray, " pairs"]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: Int[np.ndarray, " chosen"] | Bool[np.ndarray, " pairs"]) -> "Pairs":
        """Some of the pairs, by row or by a yes for each."""
        return Pairs(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def find_pairs(prints: Fingerprints, rule: Rule) -> Pairs:
    """Finds all exact duplicates, and the near duplicates that a rule tells of.

    Equal pixels have equal hashes, so exact duplicates are among the pairs that the hashes propose; they count whatever
    the rule says of them (the correlation of a constant image is not defined, and taken as 0).

    Raises:
        DatasetError: there are more than `MAX_PAIRS` to compare.
    """
    reach = max(rule.max_distance, rule.far_distance)
    first, second, distance = close_hashes(prints.hash, reach)
    exact = prints.digest[first] == prints.digest[second]
    correlation = correlate(prints.thumbnail, first, second)
    correlation[exact] = 1
    found = Pairs(first, second, distance, correlation, exact, np.zeros(len(first), bool))
    found = found.take(exact | rule.holds(distance, correlation))
    if not rule.mirrored:
        return found
    first, second, distance = close_hashes(prints.hash, reach, prints.mirrored_hash)
    count = len(prints.hash)
    fresh = ~np.isin(first * count + second, found.first * count + found.second)
    first, second, distance = first[fresh], second[fresh], distance[fresh]
    correlation = correlate(prints.thumbnail, first, second, mirrored=True)
    no, yes = np.zeros(len(first), bool), np.ones(len(first), bool)
    turned = Pairs(first, second, distance, correlation, no, yes).take(rule.holds(distance, correlation))
    both = Pairs(
        **{
            field.name: np.concatenate([getattr(found, field.name), getattr(turned, field.name)])
            for field in fields(Pairs)
        }
    )
    return both.take(np.lexsort((both.second, both.first)))


def close_hashes(
    hashes: UInt64[np.ndarray, " images"],
    max_distance: int,
    mirrored: UInt64[np.ndarray, " images"] | None = None,
    block: int = HASH_BLOCK,
) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]:
    """Finds the pairs of images whose hashes differ in few bits, comparing `block` images with all others at a time.

    Args:
        hashes: of all images, at least one.
        max_distance: in how many of the 64 bits they may differ.
        mirrored: hashes of the mirror images, to compare with `hashes` instead; the smaller of both distances counts.
        block: how many rows at a time; the memory needed is about 20 bytes x block x images.

    Returns:
        First image, second image (first < second), and distance of every pair, in the order of the images.

    Raises:
        DatasetError: there are more than `MAX_PAIRS` of them.
    """
    parts = []
    total = 0
    for start in range(0, len(hashes), block):
        rows = slice(start, start + block)
        if mirrored is None:
            distance = np.bitwise_count(hashes[rows, None] ^ hashes[None, start:])
        else:
            distance = np.minimum(
                np.bitwise_count(hashes[rows, None] ^ mirrored[None, start:]),
                np.bitwise_count(mirrored[rows, None] ^ hashes[None, start:]),
            )
        first, second = np.nonzero(distance <= max_distance)
        later = second > first
        first, second = first[later], second[later]
        total += len(first)
        if total > MAX_PAIRS:
            raise DatasetError(
                f"more than {MAX_PAIRS:,} pairs of images differ in at most {max_distance} bits of their hashes; check "
                "fewer datasets at a time, or lower --max_distance and --far_distance"
            )
        parts.append((first + start, second + start, distance[first, second].astype(np.int64)))
    first, second, distances = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, second, distances


def correlate(
    thumbnails: UInt8[np.ndarray, "images side side"],
    first: Int64[np.ndarray, " pairs"],
    second: Int64[np.ndarray, " pairs"],
    *,
    mirrored: bool = False,
    block: int = CORRELATION_BLOCK,
) -> Float32[np.ndarray, " pairs"]:
    """Pearson correlation of the pixels of every pair of thumbnails; 0 where one of them is constant.

    Args:
        thumbnails: of all images.
        first, second: rows of the pairs.
        mirrored: exchange left and right in the second of each pair.
        block: how many pairs at a time.
    """
    flat = thumbnails.reshape(len(thumbnails), -1)
    turned = thumbnails[:, :, ::-1] if mirrored else thumbnails
    mean = flat.mean(axis=1, dtype=np.float64).astype(np.float32)
    deviation = flat.std(axis=1, dtype=np.float64) * np.sqrt(flat.shape[1])
    result = np.zeros(len(first), np.float32)
    for start in range(0, len(first), block):
        one, two = first[start : start + block], second[start : start + block]
        left = flat[one] - mean[one, None]
        right = turned[two].reshape(len(two), -1) - mean[two, None]
        product = np.einsum("ij,ij->i", left, right)
        scale = deviation[one] * deviation[two]
        result[start : start + block] = np.divide(product, scale, out=np.zeros(len(one)), where=scale > 0)
    return np.clip(result, -1, 1)


def join(
    first: Int64[np.ndarray, " pairs"], second: Int64[np.ndarray, " pairs"], images: int
) -> Int64[np.ndarray, " images"]:
    """Joins pairs transitively: the first image of the group of every image, which is itself where it is in no pair."""
    links = sparse.coo_array((np.ones(len(first), bool), (first, second)), shape=(images, images))
    _, group = sparse.csgraph.connected_components(links, directed=False)
    _, head, number = np.unique(group, return_index=True, return_inverse=True)
    return head[number]
