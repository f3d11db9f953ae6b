"""The pictures of 'eddyline report'. Each function returns the bytes of one PNG or GIF."""
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402
from PIL import Image  # noqa: E402

from drawn import rows_of  # noqa: E402

INK = "#21262f"
GREY = "#8d99ae"
RUNS = ("#2a6f97", "#d1495b", "#3c896d", "#e08e45", "#6d597a", "#546a7b")
STYLES = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))  # of forecasts that cost nothing
PREDICTION = RUNS[1]
VALUES, ERRORS, MISSING = "viridis", "RdBu_r", "#d9d9d9"  # colour scales and the colour of no value
ROUND_OFF = 1e-13  # of float32 values, in power
FRAME_MILLISECONDS = 150
MOST_ANIMATED_CHANNELS = 3
plt.rcParams.update({
    "font.size": 10, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": "#c3c8d0", "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10,
    "axes.titlelocation": "left", "legend.frameon": False, "figure.dpi": 110,
})


def colour(number):
    return RUNS[number % len(RUNS)]


def plain(text):
    """A name as it stands: what lies between two dollars would be set as mathematics."""
    return text.replace("$", r"\$")


def with_unit(name, unit):
    return plain(f"{name} [{unit}]" if unit else name)


def legend(place, lines, **options):
    """The names of lines as they stand: one that begins with "_" would be left out."""
    shown = place.legend(lines, [str(number) for number in range(len(lines))], **options)
    for text, line in zip(shown.get_texts(), lines):
        text.set_text(plain(line.get_label()))


def png(figure):
    data = io.BytesIO()
    figure.savefig(data, format="png", bbox_inches="tight")
    plt.close(figure)
    return data.getvalue()


def grid_lines(axis):
    axis.grid(True, color="#e9ecef", linewidth=0.8)
    axis.set_axisbelow(True)


def squared(unit):
    """"K²", "(m/s)²"."""
    return f"{unit}²" if unit.isalnum() else f"({unit})²"


def log_where_positive(axis, values):
    """A logarithmic axis of values if all that are finite are above zero."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0:
        axis.set_yscale("log")


def log_of_few_decades(axis):
    """A logarithmic axis along x with labels at 1, 2 and 5."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def losses(tables):
    """[(run, {column: (steps, values)})] of metrics.csv: losses above, learning rates below."""
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(9, 5.6), sharex=True, height_ratios=(3, 1))
    seen = []
    for number, (run, table) in enumerate(tables):
        named = run + ": " if len(tables) > 1 else ""
        if "loss" in table:
            upper.plot(*table["loss"], color=colour(2 * number if len(tables) < 3 else number), linewidth=1,
                       alpha=0.7, label=named + "training")
            seen.extend(table["loss"][1])
        for column in (name for name in table if name.startswith("valid_loss")):
            upper.plot(*table[column], color=colour(2 * number + 1 if len(tables) < 3 else number), linewidth=1.8,
                       marker="o", markersize=3.5, label=named + column.replace("valid_loss", "validation"))
            seen.extend(table[column][1])
        if "learning_rate" in table:
            lower.plot(*table["learning_rate"], color=colour(2 * number if len(tables) < 3 else number), linewidth=1.2)
    log_where_positive(upper, seen)
    upper.set_ylabel("loss")
    legend(upper, upper.lines, loc="upper right", fontsize=9)
    lower.set_ylabel("learning rate")
    lower.set_xlabel("optimiser step")
    lower.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    for axis in (upper, lower):
        grid_lines(axis)
    figure.align_ylabels()
    return png(figure)


def lead_time(curves, panels, time_label):
    """Error against lead time, one panel each of [(field, label of the errors)].

    curves: [(label, is_model, times, {panel: values})].
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(max(5.2, 4.2 * columns), 3.3 * rows), squeeze=False)
    for axis in axes.flat[len(panels):]:
        axis.set_visible(False)
    lines = {}  # of each curve one
    for axis, panel in zip(axes.flat, panels):
        model, free, seen = 0, 0, []
        for number, (label, is_model, times, scores) in enumerate(curves):
            style = {"color": colour(model), "linewidth": 2} if is_model else {
                "color": GREY, "linewidth": 1.4, "linestyle": STYLES[free % len(STYLES)]}
            model, free = model + is_model, free + (not is_model)
            if panel in scores:
                lines[number], = axis.plot(times, scores[panel], label=label, **style)
                seen.extend(scores[panel])
        log_where_positive(axis, seen)
        axis.set_title(plain(panel[0]), fontweight="bold")
        axis.set_xlabel(time_label)
        axis.set_ylabel(panel[1])
        grid_lines(axis)
    figure.tight_layout()
    legend(figure, [lines[number] for number in sorted(lines)], loc="upper center", bbox_to_anchor=(0.5, 0),
           ncols=min(4, len(lines)), fontsize=9)
    return png(figure)


def moment(drawn, position):
    """"step 9, t = 29 s" of a plane."""
    unit = drawn.facts["time_unit"]
    # "hours since 1900-01-01" is a calendar's, not a unit to write behind a number
    return f"step {drawn.steps[position]}, t = {drawn.times[position]:.4g}" + (
        f" {plain(unit)}" if unit and " " not in unit else "")


def time_label(unit):
    return with_unit("time", unit)


def predictions(several, channel):
    """[(rollout, its row of a channel, what its line is drawn with)] of those that have it."""
    have = [(number, drawn) for number, drawn in enumerate(several) if channel in drawn.rows()]
    return [(drawn, drawn.rows()[channel],
             {"color": PREDICTION if len(several) == 1 else colour(number), "linewidth": 1.4,
              "linestyle": "--" if len(several) == 1 else STYLES[number // len(RUNS) % len(STYLES)],
              "label": "prediction" if len(several) == 1 else drawn.run})
            for number, drawn in have]


def spectra(several):
    """Power against wave number of rollouts with one truth: a row a channel, a column a shown step."""
    first, channels = several[0], rows_of(several)
    shown = first.facts["shown"]
    figure, axes = plt.subplots(len(channels), len(shown), figsize=(2.7 * len(shown) + 0.6, 2.6 * len(channels)),
                                sharex=True, sharey="row", squeeze=False)
    waves = first.wavenumbers[1:]  # the mean is among the conserved sums
    for row, channel in enumerate(channels):
        lines = predictions(several, channel)
        powers = np.stack([drawn.spectra[kind, own, :, 1:] for drawn, own, _ in lines for kind in (0, 1)])
        for column, position in enumerate(shown):
            axis = axes[row, column]
            truth = powers[1, column]
            if np.isfinite(truth).any():
                axis.plot(waves, truth, color=INK, linewidth=1.6, label="truth")
            for drawn, own, style in lines:
                axis.plot(waves, drawn.spectra[0, own, column, 1:], **style)
            log_of_few_decades(axis)
            log_where_positive(axis, powers)
            if axis.get_yscale() == "log":
                axis.set_ylim(bottom=max(axis.get_ylim()[0], ROUND_OFF * np.nanmax(powers)))
            grid_lines(axis)
            if row == 0:
                axis.set_title(moment(first, position))
        axes[row, 0].set_ylabel(with_unit("power of " + channel[0], squared(channel[1]) if channel[1] else ""))
        legend(axes[row, 0], axes[row, 0].lines, fontsize=8, loc="lower left")
    for axis in axes[-1]:
        unit = first.facts["x"]["unit"]
        axis.set_xlabel(with_unit("wave number", "rad/" + unit if unit else "rad/length"))
    figure.tight_layout()
    return png(figure)


def sums(several):
    """Means over the domain against time of rollouts with one truth, one panel a channel."""
    channels = rows_of(several)
    columns = min(3, len(channels))
    rows = -(-len(channels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(max(5.2, 4.2 * columns), 2.9 * rows), squeeze=False)
    for axis in axes.flat[len(channels):]:
        axis.set_visible(False)
    for axis, channel in zip(axes.flat, channels):
        lines = predictions(several, channel)
        longest, own, _ = max(lines, key=lambda line: len(line[0].sum_times))
        if np.isfinite(longest.sums[1, own]).any():
            axis.plot(longest.sum_times, longest.sums[1, own], color=INK, linewidth=1.6, label="truth")
        for drawn, own, style in lines:
            axis.plot(drawn.sum_times, drawn.sums[0, own], **style)
        axis.set_title(plain(channel[0]), fontweight="bold")
        axis.set_xlabel(time_label(several[0].facts["time_unit"]))
        axis.set_ylabel(with_unit("mean over the domain", channel[1]))
        legend(axis, axis.lines, fontsize=8)
        grid_lines(axis)
    figure.tight_layout()
    return png(figure)


def edges(centres):
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(([2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]))


def limits_of(values):
    """Smallest and largest finite value, apart from each other."""
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


class Panels:
    """What a channel's panels share: coordinates, labels, one colour range of truth and prediction (the truth's over
    the shown steps, or the prediction's where there is no truth), and a symmetric one of the error."""

    def __init__(self, drawn, channel):
        facts = drawn.facts
        self.drawn = drawn
        self.unit = facts["channels"][channel]["unit"]
        self.name = facts["channels"][channel]["name"]
        prediction, truth = drawn.planes[:, 0, channel], drawn.planes[:, 1, channel]
        self.has_truth = bool(np.isfinite(truth).any())
        self.values = {"prediction": prediction}
        shown = facts["shown"]
        self.limits = {"prediction": limits_of(prediction[shown])}
        if self.has_truth:
            self.values = {"truth": truth, "prediction": prediction, "error": prediction - truth}
            self.limits = dict.fromkeys(("truth", "prediction"), limits_of(truth[shown]))
            error = self.values["error"][shown]
            largest = np.abs(error[np.isfinite(error)]).max(initial=0) or 1.0
            self.limits["error"] = (-largest, largest)
        self.is_line = len(drawn.y) == 1
        self.axes = [(facts[a]["name"] or a, facts[a]["unit"]) for a in ("x", "y")]

    def label(self, kind):
        return with_unit(f"error of {self.name}" if kind == "error" else self.name, self.unit)

    def size(self):
        """Height of a panel over its width."""
        if self.is_line:
            return 0.7
        x, y = edges(self.drawn.x), edges(self.drawn.y)
        return float(np.clip((y[-1] - y[0]) / (x[-1] - x[0]), 0.4, 1.6))

    def draw(self, axis, kind, position):
        """What is drawn of one plane; `update` changes it to another."""
        values = self.values[kind][position]
        if self.is_line:
            line, = axis.plot(self.drawn.x, values[0], color={"truth": INK, "error": GREY}.get(kind, PREDICTION), linewidth=1.3)
            low, high = self.limits[kind]
            axis.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
            return line
        colours = matplotlib.colormaps[ERRORS if kind == "error" else VALUES].with_extremes(bad=MISSING)
        low, high = self.limits[kind]
        image = axis.pcolorfast(edges(self.drawn.x), edges(self.drawn.y), values, cmap=colours, vmin=low, vmax=high)
        axis.set_box_aspect(self.size())
        return image

    def update(self, artist, kind, position):
        values = self.values[kind][position]
        if self.is_line:
            artist.set_ydata(values[0])
        elif isinstance(artist, matplotlib.image.PcolorImage):
            artist.set_data(edges(self.drawn.x), edges(self.drawn.y), values)
        else:
            artist.set_data(values)

    def label_axes(self, axis, is_left, is_bottom, kind):
        if is_bottom:
            axis.set_xlabel(with_unit(*self.axes[0]))
        else:
            axis.tick_params(labelbottom=False)
        if is_left:
            axis.set_ylabel(self.label(kind) if self.is_line else with_unit(*self.axes[1]))
        else:
            axis.tick_params(labelleft=False)


def pictures(drawn, channel):
    """Truth, prediction and error of a channel below each other at the shown steps."""
    panels = Panels(drawn, channel)
    kinds, shown = list(panels.values), drawn.facts["shown"]
    width = 2.3
    figure, axes = plt.subplots(len(kinds), len(shown), squeeze=False, layout="constrained",
                                figsize=(width * len(shown) + 1.6, (0.87 * width * panels.size() + 0.25) * len(kinds) + 0.6))
    for row, kind in enumerate(kinds):
        for column, position in enumerate(shown):
            axis = axes[row, column]
            artist = panels.draw(axis, kind, position)
            panels.label_axes(axis, column == 0, row == len(kinds) - 1, kind)
            if row == 0:
                axis.set_title(moment(drawn, position))
        axes[row, 0].annotate(kind, (-0.42, 0.5), xycoords="axes fraction", rotation=90, ha="center", va="center",
                              fontweight="bold", fontsize=11)
        if not panels.is_line:
            figure.colorbar(artist, ax=list(axes[row]), label=panels.label(kind), fraction=0.04, aspect=14, pad=0.01)
    return png(figure)


def animation_palette():
    """An image with the 256 colours of an animation: those of the two scales, of lines and of text."""
    scales = [matplotlib.colormaps[name](np.linspace(0, 1, 115))[:, :3] for name in (VALUES, ERRORS)]
    lines = [matplotlib.colors.to_rgb(c) for c in (INK, GREY, PREDICTION, MISSING)]
    greys = np.linspace(0, 1, 256 - 2 * 115 - len(lines))[:, None].repeat(3, 1)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.round(255 * np.concatenate([*scales, lines, greys])).astype(np.uint8).tobytes())
    return palette


def animation(drawn):
    """All planes of the animation, a row a channel (the first three): GIF."""
    rows = [Panels(drawn, c) for c in range(min(MOST_ANIMATED_CHANNELS, len(drawn.facts["channels"])))]
    columns = max(len(panels.values) for panels in rows)
    figure, axes = plt.subplots(len(rows), columns, squeeze=False, layout="constrained", dpi=90,
                                figsize=(3.1 * columns + 0.4, sum(2.4 * panels.size() + 0.6 for panels in rows) + 0.4))
    moving = []
    start = drawn.facts["animated"][0]
    for row, panels in enumerate(rows):
        for axis in axes[row, len(panels.values):]:
            axis.set_visible(False)
        for axis, kind in zip(axes[row], panels.values):
            artist = panels.draw(axis, kind, start)
            artist.set_animated(True)
            axis.set_title(f"{kind} of {plain(panels.name)}")
            panels.label_axes(axis, kind == next(iter(panels.values)), row == len(rows) - 1, kind)
            if not panels.is_line:
                figure.colorbar(artist, ax=axis, label=with_unit("", panels.unit).strip(), fraction=0.05, pad=0.02)
            moving.append((axis, artist, panels, kind))
    heading = figure.suptitle(moment(drawn, start), x=0.01, ha="left", fontweight="bold")
    figure.canvas.draw()
    figure.set_layout_engine("none")  # every frame lies as the first
    heading.set_animated(True)
    figure.canvas.draw()
    still = figure.canvas.copy_from_bbox(figure.bbox)
    frames, palette = [], animation_palette()
    for position in drawn.facts["animated"]:
        figure.canvas.restore_region(still)
        heading.set_text(moment(drawn, position))
        figure.draw_artist(heading)
        for axis, artist, panels, kind in moving:
            panels.update(artist, kind, position)
            axis.draw_artist(artist)
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
        frames.append(Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE))
    plt.close(figure)
    data = io.BytesIO()
    frames[0].save(data, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
    return data.getvalue()
