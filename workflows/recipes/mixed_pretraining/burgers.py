"""Viscous Burgers on a line, u_t + (u²/2)_x = (Nu/π) u_xx, in PDEBench's layout: burgers.py FILE [SAMPLES].

Exact but for round-off: by Cole and Hopf u = −2ν φ_x/φ, where φ obeys the heat equation, whose Fourier modes decay each
by itself. Initial data as PDEBench's: two sine waves of wave numbers 1 to 4, amplitudes U(0, 1), phases U(0, 2π); all
periodic on [0, 1). 21 frames, 0.02 apart, of every eighth point.
"""
import pathlib
import sys

import h5py
import numpy

NU = 0.1
VISCOSITY = NU / numpy.pi
POINTS, EVERY = 1024, 8
TIMES = 0.02 * numpy.arange(22)  # PDEBench keeps one more than it has frames


def solution(x, times, random):
    """u at (times, x) of one draw."""
    waves, amplitudes = random.integers(1, 5, 2), random.uniform(0, 1, 2)
    phases = random.uniform(0, 2 * numpy.pi, 2)
    integral = sum(-a * numpy.cos(2 * numpy.pi * k * x + p) / (2 * numpy.pi * k)
                   for k, a, p in zip(waves, amplitudes, phases))
    k = 2 * numpy.pi * numpy.fft.rfftfreq(len(x), 1 / len(x))
    modes = numpy.fft.rfft(numpy.exp(-integral / (2 * VISCOSITY))) * numpy.exp(-VISCOSITY * k**2 * times[:, None])
    return -2 * VISCOSITY * numpy.fft.irfft(1j * k * modes) / numpy.fft.irfft(modes)


def main():
    path = pathlib.Path(sys.argv[1])
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    random = numpy.random.default_rng(0)
    x = numpy.arange(POINTS) / POINTS
    values = [solution(x, TIMES[:-1], random)[:, ::EVERY] for _ in range(samples)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["tensor"] = numpy.array(values, dtype="float32")
        file["x-coordinate"] = x[::EVERY].astype("float32")
        file["t-coordinate"] = TIMES.astype("float32")
        file.attrs["Nu"] = NU


if __name__ == "__main__":
    main()
