"""Writes my.h5, the file of README's five minutes: 20 smooth random fields of 64 x 64 cells, carried along and damped.

  .venv/bin/python docs/my_h5.py [FILE]
"""
import sys

import h5py
import numpy as np

CELLS, SAMPLES, FRAMES = 64, 20, 50
SHIFT = 0.03, 0.015  # of the box, each frame, along x and y
DAMPING = 0.0004     # each frame, times the square of the wave number


def trajectory(rng):
    """(FRAMES, CELLS, CELLS): each wave of a random field moves and fades on its own, exactly."""
    k = np.fft.fftfreq(CELLS, 1 / CELLS)
    squared = k[:, None] ** 2 + k[None, :] ** 2
    start = np.fft.fft2(rng.standard_normal((CELLS, CELLS))) * np.exp(-squared / 25)
    phase = 2 * np.pi * (k[:, None] * SHIFT[0] + k[None, :] * SHIFT[1])
    return np.stack([np.fft.ifft2(start * np.exp(-t * (1j * phase + DAMPING * squared))).real for t in range(FRAMES)])


def main():
    rng = np.random.default_rng(0)
    temperature = np.stack([trajectory(rng) for _ in range(SAMPLES)]).astype("f4")
    with h5py.File(sys.argv[1] if len(sys.argv) > 1 else "my.h5", "w") as file:
        file["temperature"] = temperature / temperature.std()
        file["time"] = np.arange(FRAMES) * 0.1
        file["x"] = file["y"] = np.arange(CELLS) / CELLS


if __name__ == "__main__":
    main()
