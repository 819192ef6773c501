"""Contours: what is inside, by other ways of counting; and files that are none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from tfds_builders.paired_lesions.contour import fill_contour, read_contour
from tfds_builders.record import DatasetError

WIDTH, HEIGHT = 13, 9


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def test_a_rectangle_on_pixel_borders_holds_just_these_pixels() -> None:
    mask = fill_contour(rectangle(2, 3, 7, 5), (WIDTH, HEIGHT), "c")
    assert mask.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max(), mask.sum()) == (3, 4, 2, 6, 10)


def test_half_a_pixel_decides() -> None:
    """A pixel counts as soon as its centre is inside, at 0.5 from its border."""
    for left, expected in ((2.4, 2), (2.6, 3)):
        mask = fill_contour(rectangle(left, 0, 8, 9), (WIDTH, HEIGHT), "c")
        assert np.nonzero(mask)[1].min() == expected


def test_the_whole_image() -> None:
    assert fill_contour(rectangle(0, 0, WIDTH, HEIGHT), (WIDTH, HEIGHT), "c").all()


def test_neighbours_share_a_border_and_no_pixel() -> None:
    """Even where the border runs through centres: each of them belongs to one side."""
    left, right = (rectangle(*sides) for sides in ((1, 1, 6.5, 8), (6.5, 1, 12, 8)))
    both = fill_contour(left, (WIDTH, HEIGHT), "c").astype(int) + fill_contour(right, (WIDTH, HEIGHT), "c")
    assert both.max() == 1
    assert both.sum() == 11 * 7


def test_where_a_line_crosses_itself_the_even_odd_rule_holds() -> None:
    """A square run around twice encloses nothing: every ray meets an even number of edges."""
    with pytest.raises(DatasetError, match="c: encloses the centre of no pixel"):
        fill_contour(np.tile(rectangle(2, 2, 6, 6), (2, 1)), (WIDTH, HEIGHT), "c")


coordinate = st.integers(0, 97)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3, unique=True))
def test_triangles_are_those_of_matplotlib(corners: list[tuple[int, int]]) -> None:
    # A centre on an edge may count to either side; such are left out of the comparison.
    points = np.array(corners) / 97 * (WIDTH, HEIGHT)
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    try:
        mask = fill_contour(points, (WIDTH, HEIGHT), "c")
    except DatasetError:
        mask = np.zeros((HEIGHT, WIDTH), bool)
    inside = Polygon(points).contains_points(centres).reshape(HEIGHT, WIDTH)
    start, end = points, np.roll(points, -1, axis=0)
    along = end - start
    across = (
        np.abs(
            along[:, None, 0] * (centres[None, :, 1] - start[:, None, 1])
            - along[:, None, 1] * (centres[None, :, 0] - start[:, None, 0])
        )
        / np.hypot(along[:, 0], along[:, 1])[:, None]
    )
    clear = (across.min(axis=0) > 1e-6).reshape(HEIGHT, WIDTH)
    np.testing.assert_array_equal(mask[clear], inside[clear])


FAULTS = [
    ("1,2\n3,4\n", "2 different points, expected at least 3"),
    ("1,2\n3,4\n1,2\n3,4\n1,2", "2 different points, expected at least 3"),
    ("", "0 different points"),
    ("x,y\n", "0 different points"),
    ("1,2\n3,4,5\n6,7", r"line 2 is '3,4,5', expected two numbers, x and y, as 12\.5,30"),
    ("1,2\n\nx,y\n6,7", "line 3 is 'x,y', expected two numbers"),
    ("1,2\n3,nan\n6,7", "line 2 is '3,nan', expected two numbers"),
    ("1,two\n3,4\n6,7\n8,8", "line 1 is '1,two', expected two numbers"),
    ("12,5;30,2\n1,1\n2,2\n3,1", "line 1 is '12,5;30,2'"),
    ("x,y,z\n1,1\n2,2\n3,1", "line 1 is 'x,y,z'"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_files_that_are_no_contour(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(text)
    with pytest.raises(DatasetError, match=f"^the name: {message}"):
        read_contour(tmp_path / "c.txt", "the name")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_bytes(b"\x89PNG\xff")
    with pytest.raises(DatasetError, match="c: not a text in UTF-8, expected a point in each line"):
        read_contour(tmp_path / "c.txt", "c")
    with pytest.raises(DatasetError, match=r"c: cannot be read \(No such file"):
        read_contour(tmp_path / "nowhere.txt", "c")


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ((2, 3, 13.5, 5), r"2 of 4 points lie outside its image, the first is \(13\.5, 3\); expected x from 0 to 13"),
        ((2, -0.1, 7, 5), r"2 of 4 points lie outside its image, the first is \(2, -0\.1\); .* y from 0 to 9"),
        ((2.6, 3.6, 3.4, 4.4), "encloses the centre of no pixel, expected a lesion"),
    ],
)
def test_contours_outside_their_image(corners: tuple[float, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=f"^c: {message}"):
        fill_contour(rectangle(*corners), (WIDTH, HEIGHT), "c")
