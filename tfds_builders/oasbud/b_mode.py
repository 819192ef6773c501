"""B-mode images of beamformed radio-frequency (RF) lines, on square pixels.

Geometry of OASBUD (Piotrzkowska-Wróblewska et al. 2017): SonixTouch with an L14-5/38 linear probe, 510 parallel lines
over an aperture of 38 mm, sampled at fs = 40 MHz, speed of sound c = 1540 m/s.

- Lateral: a line stands for 38 mm / 510 = 74.51 micrometres. (38 mm / 509, the gaps between the first line and the
  last, would be 74.66: the release does not say which; they differ by 0.2 %.)
- Axial: a sample stands for c / (2 fs) = 19.25 micrometres, half of what sound travels between two samples.

The image keeps one column per line; its pixels are as high as they are wide, so a row averages 3.87 samples of the
envelope (averaged before the logarithm, over the exact interval). A last row that is not whole is left out.
"""

import numpy as np
from jaxtyping import Bool, Float64, Shaped, UInt8

SAMPLING_HZ = 40e6
SPEED_OF_SOUND = 1540.0
"""Metres per second."""
APERTURE_MM = 38.0
LINES = 510
DYNAMIC_RANGE_DB = (40.0, 80.0)
"""Shown as black and white: decibels of the envelope, 0 dB being one step of the RF samples' integer scale."""

AXIAL_MM = SPEED_OF_SOUND / (2 * SAMPLING_HZ) * 1e3
LATERAL_MM = APERTURE_MM / LINES
SAMPLES_PER_ROW = LATERAL_MM / AXIAL_MM


def envelope(rf: Shaped[np.ndarray, "samples lines"]) -> Float64[np.ndarray, "samples lines"]:
    """Amplitude of each RF line: the magnitude of its analytic signal (Hilbert transform along the line)."""
    from scipy import signal  # takes a second; few datasets need it

    return np.abs(signal.hilbert(rf.astype(np.float64), axis=0))


def b_mode(rf: Shaped[np.ndarray, "samples lines"]) -> UInt8[np.ndarray, "rows lines"]:
    """Log-compressed envelope: grey = 255 (20 log10(envelope) - 40) / 40, rounded, cut at 0 and 255.

    Args:
        rf: RF lines side by side, the first sample at the skin.
    """
    low, high = DYNAMIC_RANGE_DB
    decibels = 20 * np.log10(np.maximum(_rows(envelope(rf)), 1.0))  # below 1 is black all the same
    return np.clip(np.round(255 * (decibels - low) / (high - low)), 0, 255).astype(np.uint8)


def nearest_rows(mask: Bool[np.ndarray, "samples lines"]) -> Bool[np.ndarray, "rows lines"]:
    """A mask on the samples as one on the pixels of `b_mode`: each takes the sample that its centre lies in."""
    centres = (np.arange(_row_count(len(mask))) + 0.5) * SAMPLES_PER_ROW
    return mask[np.floor(centres).astype(int)]


def _row_count(samples: int) -> int:
    return int(samples / SAMPLES_PER_ROW)


def _rows(values: Float64[np.ndarray, "samples lines"]) -> Float64[np.ndarray, "rows lines"]:
    """Means over the intervals of samples that the rows cover, fractions of a sample counted as such."""
    edges = np.arange(_row_count(len(values)) + 1) * SAMPLES_PER_ROW
    whole = np.floor(edges).astype(int)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    inside = (edges - whole)[:, None] * values[np.minimum(whole, len(values) - 1)]
    return np.diff(sums[whole] + inside, axis=0) / SAMPLES_PER_ROW
