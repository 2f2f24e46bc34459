"""Random noise between two frequencies that can be made from any sample on, and is the same every time."""

from __future__ import annotations

import math
from functools import lru_cache

import attrs
import numpy as np
from numpy.typing import NDArray

# White numbers are drawn, and filtered, in blocks of this size, counted from the start of the session: a block is the
# same whatever is asked for around it, so that a window and the whole agree to the last bit.
_BLOCK = 2**16
_LONGEST_FILTER = 2**17 - 1
# Width of the Blackman window's main lobe, from full passage to none, in units of rate / taps.
_BLACKMAN_WIDTH = 5.5
# Room for the filter's run-in before sample 0: block numbers must not be negative.
_BEFORE = 2**32


@attrs.frozen
class Noise:
    """Noise of standard deviation 1 between two frequencies.

    White Gaussian numbers (Philox, keyed by the seed and the number of the block) pass a linear-phase band-pass
    filter (sinc under a Blackman window, half the amplitude at the limits of the band). At most 131,071 taps: a low
    limit far below 1/20,000 of the rate is rounded off rather than sharp. A uniform distribution is made from the
    Gaussian by its own distribution function, x -> √3·(2Φ(x) - 1), which leaves about 95 % of the power in the
    band: the power law of this limiter is (6/π)·arcsin(ρ/2).

    Attributes
    ----------
    rate_Hz : float
    low_Hz, high_Hz : float
    is_uniform : bool
    seed : int
    """

    rate_Hz: float
    low_Hz: float
    high_Hz: float
    is_uniform: bool
    seed: int

    def samples(self, first: int, stop: int) -> NDArray[np.float64]:
        """Samples number `first` to `stop` - 1 of the session."""
        made = np.empty(stop - first)
        for block in range(first // _BLOCK, -(-stop // _BLOCK)):
            start = block * _BLOCK
            inside = slice(max(first, start) - start, min(stop, start + _BLOCK) - start)
            made[start + inside.start - first : start + inside.stop - first] = _filtered(self, block)[inside]
        return made


@lru_cache(maxsize=4)
def _filtered(noise: Noise, block: int) -> NDArray[np.float64]:
    """One block of noise."""
    taps = _band_pass(noise.rate_Hz, noise.low_Hz, noise.high_Hz)
    half = len(taps) // 2
    start = block * _BLOCK - half
    white = np.concatenate(
        [_white(noise.seed, number) for number in range(start // _BLOCK, (start + _BLOCK + 2 * half) // _BLOCK + 1)]
    )
    white = white[start % _BLOCK :][: _BLOCK + 2 * half]
    size = 2 ** math.ceil(math.log2(len(white)))
    # Circular convolution is right from the filter's length on, and that is where the block begins.
    whole = np.fft.irfft(np.fft.rfft(white, size) * np.fft.rfft(taps, size), size)
    made = whole[2 * half : 2 * half + _BLOCK]
    made = _uniform(made) if noise.is_uniform else made
    made.setflags(write=False)
    return made


def _white(seed: int, block: int) -> NDArray[np.float64]:
    key = np.array([seed, block + _BEFORE], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(_BLOCK)


@lru_cache(maxsize=4)
def _band_pass(rate_Hz: float, low_Hz: float, high_Hz: float) -> NDArray[np.float64]:
    """Taps of the band-pass filter, odd in number, with a power of 1: white noise keeps its standard deviation."""
    width_Hz = min(0.1 * high_Hz, rate_Hz / 2 - high_Hz, low_Hz or math.inf, high_Hz - low_Hz)
    count = min(2 * math.ceil(_BLACKMAN_WIDTH * rate_Hz / width_Hz / 2) + 1, _LONGEST_FILTER)
    n = np.arange(count) - count // 2
    taps = sum(
        sign * 2 * limit / rate_Hz * np.sinc(2 * limit / rate_Hz * n) for sign, limit in ((1, high_Hz), (-1, low_Hz))
    ) * np.blackman(count)
    return np.asarray(taps / math.sqrt(np.sum(taps**2)))


@lru_cache(maxsize=1)
def _erf_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Steps of 0.001: linear between them, the error is below 1e-6.
    x = np.linspace(-6.0, 6.0, 12001)
    return x, np.array([math.erf(value / math.sqrt(2)) for value in x])


def _uniform(gaussian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evenly distributed between -√3 and √3, from normal numbers: √3·(2Φ(x) - 1) = √3·erf(x/√2)."""
    return math.sqrt(3) * np.interp(gaussian, *_erf_table())
