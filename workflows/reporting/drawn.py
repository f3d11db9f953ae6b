"""The numbers of a rollout that the report draws, and which rollouts are drawn into one picture."""
import numpy as np


class Drawn:
    """The numbers of one trajectory of a rollout (workflows/reporting/rollout_numbers.hpp says what they are)."""

    def __init__(self, run, facts, group):
        self.facts = facts
        self.run, self.slug = run["name"], run["slug"]
        self.label = f"{run['name']}, trajectory {facts['trajectory']}"
        self.file = f"{run['slug']}_{facts['trajectory']}"
        for name in ("sums", "sum_times", "spectra", "wavenumbers", "planes", "x", "y", "steps", "times"):
            setattr(self, name, group[name][()] if name in group else None)  # none of a rollout without those fields

    def rows(self):
        """Field's name and unit -> its row in the numbers."""
        return {(c["name"], c["unit"]): row for row, c in enumerate(self.facts["channels"])}

    def shown_times(self):
        return self.times[self.facts["shown"]]


def rows_of(several):
    """Name and unit of every field of these rollouts, in their order, once."""
    return list(dict.fromkeys(channel for drawn in several for channel in drawn.rows()))


def together_if(one, other, truths):
    """Whether two rollouts have a field in common, and one truth of each that they have in common.

    truths: gives the truth of a row of each as arrays of one shape, or nothing if they are not of the same times."""
    common = [(one.rows()[channel], other.rows()[channel]) for channel in one.rows() if channel in other.rows()]
    if not common or not one.facts["has_truth"] or not other.facts["has_truth"]:
        return False
    if one.facts["time_unit"] != other.facts["time_unit"]:
        return False
    pairs = [truths(one, mine, other, theirs) for mine, theirs in common]
    return all(pair is not None and np.array_equal(*pair, equal_nan=True) for pair in pairs)


def spectra_of_truth(one, mine, other, theirs):
    if not (np.array_equal(one.wavenumbers, other.wavenumbers) and np.array_equal(one.shown_times(), other.shown_times())):
        return None
    return one.spectra[1, mine], other.spectra[1, theirs]


def sums_of_truth(one, mine, other, theirs):
    """Over the steps that both have: one may be longer."""
    steps = min(len(one.sum_times), len(other.sum_times))
    if not np.array_equal(one.sum_times[:steps], other.sum_times[:steps]):
        return None
    return one.sums[1, mine, :steps], other.sums[1, theirs, :steps]


def side_by_side(several, truths):
    """Rollouts of several runs, divided into those that are drawn into one picture."""
    groups = []
    for drawn in several:
        for group in groups:
            if drawn.slug not in (d.slug for d in group) and all(together_if(d, drawn, truths) for d in group):
                group.append(drawn)
                break
        else:
            groups.append([drawn])
    return groups


def named(several):
    """Name of the file and words for rollouts in one picture."""
    first = several[0]
    if len(several) == 1:
        return first.file, first.label
    return f"{first.file}_and_{len(several) - 1}_more", ", ".join(d.label for d in several) + ", beside the truth of all"
