"""STU-Hospital: no classes, unpadded numbers, grey edges in the masks, most of which are of another size."""

from pathlib import Path

import numpy as np

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

# Mask size over image size; a third keep it.
SCALES = ((4, 4), (1, 1), (2, 3))


def write_release(folder: Path) -> list[Expected]:
    """Writes Hospital/ into `folder`."""
    release = folder / "STU-Hospital-master" / "Hospital"
    expected = []
    for number in range(1, 19):
        width, height = 20 + number, 24
        across, down = SCALES[number % 3]
        image, lesion = picture("L", width, height, number), box(width, height, 5, 6, 12, 10 + number % 8)
        large = np.kron(lesion, np.ones((down, across), dtype=bool))
        # Smoothed edges: what is left of 0 and 255 lies on either side of the middle.
        noise = picture("L", width * across, height * down, 100 + number)
        mask = np.where(large, 255 - noise % 128, noise % 4).astype(np.uint8)
        mask[0, 0] = 127
        save(release / f"Test_Image_{number}.png", image)
        save(release / f"mask_{number}.png", mask)
        size = mask.shape if across > 1 else None
        name = f"Test_Image_{number}"
        expected.append(Expected(name, name, -1, -1, rgb(image), lesion, mask_size=size))
    (release.parent / "README.md").write_text("# STU-Hospital\n")
    return expected
