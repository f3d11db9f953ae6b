"""Writes the page of 'eddyline report' and its pictures into a folder, from the report.json and report.h5 that the
program left there.

  python report.py FOLDER
"""
import csv
import datetime
import json
import os
import re
import sys

try:
    import h5py
    import numpy as np

    import figures
    from drawn import Drawn, named, side_by_side, spectra_of_truth, sums_of_truth
    from page import STYLE, Markup, Page, escaped
except ImportError as missing:
    sys.stderr.write(f"'{sys.executable}' has no {missing.name}, which draws the report; install it with '{sys.executable} -m "
                     "pip install numpy h5py matplotlib', or name another Python with python=…/bin/python\n")
    sys.exit(2)

SECTIONS = (("provenance", "Configuration and provenance"), ("losses", "Losses"),
            ("lead-time", "Error against lead time"), ("spectra", "Spectra"), ("sums", "Conserved sums"),
            ("pictures", "Truth, prediction and error"), ("animation", "Animation"), ("tables", "Scores"),
            ("timings", "Time of each part"))
SHOWN_STEPS = (1, 2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000)
TIMER = re.compile(r" info\s+(\S.*?)\s+(data|compute|communication|other)\s+([\d.]+) s\s+(\d+) calls\s+([\d.]+) ms each")
PROGRESS = re.compile(r" info (.*samples/s, .*)")


def read(path):
    """The text of a file, "" if there is none."""
    if not path:
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def model_of(run):
    return os.path.join(run["path"], "checkpoints", "best.h5")


def command_of(run, verb):
    return f"eddyline {verb} model={model_of(run)}" if verb != "train" else "eddyline train CONFIG.yaml"


def short(value):
    return "–" if value is None else f"{value:.4g}"


def sentence(value):
    """A value of a manifest in words."""
    if isinstance(value, list):
        counts = {}
        for item in map(sentence, value):
            counts[item] = counts.get(item, 0) + 1
        return ", ".join(f"{item} × {count}" if count > 1 else item for item, count in counts.items())
    if isinstance(value, dict) and "path" in value:
        return f"{value['path']} ({value.get('bytes', '?')} bytes, hash {value.get('hash', '?')})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {sentence(item)}" for key, item in value.items())
    return str(value)


def provenance(page, runs):
    for run in runs:
        page.add(f"<h3>{escaped(run['name'])}</h3>")
        if not any(record["manifest"] or record["config"] for record in run["records"]):
            page.note(f"no manifest.json and no config.yaml lie in {run['path']}")
        for record in run["records"]:
            manifest = json.loads(read(record["manifest"]) or "{}")
            starts = manifest.pop("starts", [])
            if len(starts) > 1:
                manifest["resumed"] = [start["started"] for start in starts[1:]]
            manifest["arguments"] = " ".join(manifest.get("arguments", []))
            if record["manifest"]:
                page.table([record["of"], ""], [[key, sentence(value)] for key, value in manifest.items() if value not in ("", {}, [])],
                           numbers_from=2)
            if record["config"]:
                page.add(f"<details><summary>configuration of the {record['of']}</summary><pre>"
                         f"{escaped(read(record['config']))}</pre></details>")


def columns_of(path):
    """Column → (steps, values) of metrics.csv, empty cells left out."""
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    table = {}
    for row in rows:
        for name, text in row.items():
            try:
                step, value = float(row["step"]), float(text)
            except (KeyError, TypeError, ValueError):
                continue
            table.setdefault(name, ([], []))[0].append(step)
            table[name][1].append(value)
    return table


def losses(page, runs):
    tables = []
    for run in runs:
        table = columns_of(run["metrics"]) if run["metrics"] else {}
        if "loss" in table:
            tables.append((run["name"], table))
        else:
            page.missing(run, "losses", command_of(run, "train"))
    if tables:
        page.picture("losses.png", figures.losses(tables), "loss and learning rate against optimiser steps")


def scores_of(evaluation, metric, method, values):
    """{field: value} of one method, the pooled metric's for every field."""
    found = values.get(metric, {}).get(method, {})
    return {field: found.get(field, found.get("all")) for field in evaluation["fields"]}


def wanted(report, fields):
    """Those of the fields that are to be shown: by their own name or that of the field they are a component of, which
    a rollout tells, whose channels are those asked for."""
    if not report["fields"]:
        return list(fields)
    drawn = {c["name"] for run in report["runs"] for facts in run["trajectories"] for c in facts["channels"]}
    return [f for f in fields if f in report["fields"] or f in drawn]


def unit_of(evaluation, metric, field):
    unit = evaluation["metrics"][metric]["unit"]
    return evaluation["units"][evaluation["fields"].index(field)] if unit == "the field's" else unit.replace("1", "")


def panels_of(report, evaluation):
    """{field: its panel}, a panel being the field's name and what its axis of errors is called."""
    metric = report["metric"]
    return {f: (f, figures.with_unit(metric, unit_of(evaluation, metric, f))) for f in wanted(report, evaluation["fields"])}


def lead_time_curves(report, scored):
    """[(label, is_model, times, {panel: values})]; a free forecast that scores as another run's is shown once."""
    curves, free = [], {}
    for run, evaluation in scored:
        panels = panels_of(report, evaluation)
        for method in evaluation["methods"]:
            steps = [scores_of(evaluation, report["metric"], method, step["scores"]) for step in evaluation["steps"]]
            values = {panels[f]: [np.nan if s[f] is None else s[f] for s in steps] for f in panels}
            times = [step["time"] for step in evaluation["steps"]]
            known_times, known = free.get(method, (times, {}))
            if method == "model":
                curves.append((run["name"], True, times, values))
            elif known_times != times or any(known.get(panel, value) != value for panel, value in values.items()):
                curves.append((f"{method} ({run['name']})", False, times, values))
            elif method in free:
                known.update(values)
            else:
                free[method] = (times, values)
                curves.append((method, False, times, values))
    return curves


def lead_time(page, report, runs):
    metric, scored = report["metric"], []
    for run in runs:
        evaluation = run["scores"]
        if evaluation is None:
            page.missing(run, "evaluation", command_of(run, "evaluate"))
        elif not evaluation.get("steps"):
            page.missing(run, "rollouts in its evaluation", command_of(run, "evaluate") + " horizon=30 --overwrite")
        elif metric not in evaluation["metrics"]:
            page.missing(run, metric, command_of(run, "evaluate") + f" metrics=[{metric}] --overwrite")
        elif not wanted(report, evaluation["fields"]):
            page.note(f"the evaluation of {run['name']} has none of the fields that were asked for")
        else:
            scored.append((run, evaluation))
    if not scored:
        return
    units = list(dict.fromkeys(e["time_unit"] for _, e in scored))
    for unit in units:  # times of different units do not lie on one axis
        together = [(run, e) for run, e in scored if e["time_unit"] == unit]
        panels = list(dict.fromkeys(panel for _, e in together for panel in panels_of(report, e).values()))
        of = "" if len(units) == 1 else " of " + ", ".join(run["name"] for run, _ in together)
        page.picture("lead_time.png",
                     figures.lead_time(lead_time_curves(report, together), panels, figures.with_unit("lead time", unit)),
                     f"{metric} against lead time{of}; dashed: forecasts that cost nothing")
    page.note(f"{metric}: {scored[0][1]['metrics'][metric]['definition']}")
    if len({json.dumps(e["data"], sort_keys=True) for _, e in scored if "data" in e}) > 1:
        page.note("the runs were scored on different data: " +
                  "; ".join(f"{run['name']} on the {e['data']['split']} part of {e['data']['path']}" for run, e in scored if "data" in e))


def of_rollouts(page, runs, draw, truths=None):
    """Draws what every trajectory has, of runs with one truth together where `truths` compares them; says which runs
    have none."""
    shown = []
    for run in runs:
        if not run["drawn"]:
            page.missing(run, "rollout", command_of(run, "rollout") + " steps=100")
        for drawn in run["drawn"]:
            if not drawn.facts["channels"]:
                page.note(f"{drawn.label} has none of the fields that were asked for")
                continue
            shown.append(drawn)
            if not drawn.facts["has_truth"]:
                page.note(f"{drawn.label} has no truth beside it: it was made by a solver, with truth=off, or goes on for "
                          "longer than the data")
    for drawn in side_by_side(shown, truths) if truths else shown:
        draw(drawn)


def spectra(page, runs):
    def draw(several):
        file, words = named(several)
        page.picture(f"spectra_{file}.png", figures.spectra(several), f"power spectra of {words}")
        page.note("transforms: " + several[0].facts["transforms"])

    of_rollouts(page, runs, draw, spectra_of_truth)


def sums(page, runs):
    def draw(several):
        file, words = named(several)
        page.picture(f"sums_{file}.png", figures.sums(several), f"sums of {words}")

    page.note("the integral over the domain divided by its volume")
    of_rollouts(page, runs, draw, sums_of_truth)


def pictures(page, runs):
    def draw(drawn):
        for number, channel in enumerate(drawn.facts["channels"]):
            cut = f", plane {drawn.facts['plane']}" if drawn.facts["plane"] else ""
            page.picture(f"{re.sub('[^A-Za-z0-9_.-]', '_', channel['name'])}_{drawn.file}.png", figures.pictures(drawn, number),
                         f"{channel['name']} of {drawn.label} (from {drawn.facts['source']}){cut}; truth and prediction share "
                         "the truth's range, the error's is symmetric")

    of_rollouts(page, runs, draw)


def animation(page, runs):
    of_rollouts(page, runs, lambda drawn: page.picture(
        f"animation_{drawn.file}.gif", figures.animation(drawn), f"{drawn.label}, {len(drawn.facts['animated'])} frames"))


def table_lines(evaluation):
    """[(label, values)]: one step, some steps and the windows of the rollouts."""
    lines = [("one step", evaluation["one_step"])]
    steps = evaluation.get("steps", [])
    shown = [s for s in SHOWN_STEPS if s < len(steps)] + ([len(steps)] if steps else [])
    lines += [(f"step {s}", steps[s - 1]["scores"]) for s in shown]
    return lines + [(f"steps {w}", values) for w, values in evaluation.get("windows", {}).items()]


def compared(page, report, scored):
    """One table of the metric: a line a step and field, a column a run, then the free forecasts of the first run."""
    metric, (first_run, first) = report["metric"], scored[0]
    lines = [(run, dict(table_lines(e))) for run, e in scored]
    columns = [(run["name"] if len(scored) > 1 else "model", e, "model", table) for (run, e), (_, table) in zip(scored, lines)]
    columns += [(m if len(scored) == 1 else f"{m} ({first_run['name']})", first, m, lines[0][1])
                for m in first["methods"] if m != "model"]
    rows = []
    for label in dict.fromkeys(label for _, table in lines for label in table):
        for field in dict.fromkeys(f for _, e in scored for f in wanted(report, e["fields"])):
            cells = [scores_of(e, metric, method, table[label]).get(field) if label in table else None
                     for _, e, method, table in columns]
            if any(cell is not None for cell in cells):
                rows.append([label, field, *map(short, cells)])
    if not rows:
        page.note("no evaluation has the fields that were asked for")
        return
    page.add(f"<h3>{escaped(metric)}</h3>")
    page.table([metric, "field", *(c[0] for c in columns)], rows, numbers_from=2)


def tables(page, report, runs):
    scored = [(run, run["scores"]) for run in runs if run["scores"] is not None]
    for run in runs:
        if run["scores"] is None:
            page.missing(run, "scores", command_of(run, "evaluate"))
    named = [(run, e) for run, e in scored if report["metric"] in e["metrics"]]
    if named:
        compared(page, report, named)
    for run, evaluation in scored:
        rows = [[Markup(f"<span title=\"{escaped(about['definition'])}\">{escaped(metric)}</span>"), about["unit"],
                 *(short(evaluation["one_step"][metric].get(m, {}).get("mean", evaluation["one_step"][metric].get(m, {}).get("all")))
                   for m in evaluation["methods"])]
                for metric, about in evaluation["metrics"].items()]
        page.add(f"<details><summary>every metric of {escaped(run['name'])}, one step, mean over the fields</summary>")
        page.table(["metric", "unit", *evaluation["methods"]], rows, numbers_from=2)
        page.add("</details>")


def timings(page, runs):
    for run in runs:
        page.add(f"<h3>{escaped(run['name'])}</h3>")
        found = False
        for record in run["records"]:
            text = read(record["log"])
            parts = {}
            for name, phase, seconds, calls, _ in TIMER.findall(text):
                before = parts.get((name, phase), (0.0, 0))
                parts[name, phase] = (before[0] + float(seconds), before[1] + int(calls))
            if parts:
                whole = sum(seconds for seconds, _ in parts.values()) or 1.0
                page.table([record["of"], "spent on", "time", "calls", "each", "share"],
                           [[name, phase, f"{seconds:.3f} s", calls, f"{1000 * seconds / max(calls, 1):.3f} ms",
                             Markup(f'<span class="bar" style="width:{8 * seconds / whole:.2f}em"></span> {100 * seconds / whole:.1f} %')]
                            for (name, phase), (seconds, calls) in parts.items()], numbers_from=2)
            last = PROGRESS.findall(text)
            if last:
                page.note(f"{record['of']}, last line of its progress: {last[-1]}")
            found = found or bool(parts or last)
        if not found:
            page.missing(run, "timings in a log.txt", command_of(run, "train"))


def load(folder):
    """What report.json says, with the numbers and scores of every run."""
    report = json.loads(read(os.path.join(folder, "report.json")))
    numbers = h5py.File(os.path.join(folder, "report.h5"), "r")
    for index, run in enumerate(report["runs"]):
        run["slug"] = re.sub("[^A-Za-z0-9_.-]+", "_", run["name"]) + ("" if len(report["runs"]) == 1 else f"_{index}")
        run["scores"] = json.loads(read(run["evaluation"])) if run["evaluation"] else None
        run["drawn"] = [Drawn(run, facts, numbers[f"{index}/{facts['trajectory']}"]) for facts in run["trajectories"]]
    return report


def write_page(folder, report):
    page, runs = Page(folder), report["runs"]
    makers = {"provenance": lambda: provenance(page, runs), "losses": lambda: losses(page, runs),
              "lead-time": lambda: lead_time(page, report, runs), "spectra": lambda: spectra(page, runs),
              "sums": lambda: sums(page, runs), "pictures": lambda: pictures(page, runs),
              "animation": lambda: animation(page, runs), "tables": lambda: tables(page, report, runs),
              "timings": lambda: timings(page, runs)}
    for key, heading in SECTIONS:
        page.add(f'<h2 id="{key}">{heading}</h2>')
        try:
            makers[key]()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as wrong:
            sys.stderr.write(f"a file of these runs is not as eddyline writes it, seen at '{heading}': {wrong!r}; make it again\n")
            sys.exit(2)
    title = report["title"] or ", ".join(run["name"] for run in runs)
    made = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    path = os.path.join(folder, "report.html")
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
                   f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>\n<h1>{escaped(title)}</h1>\n'
                   f'<p class="note">made {made} by eddyline {escaped(report["version"])} (commit {escaped(report["commit"])})'
                   " from " + ", ".join(f"<code>{escaped(run['path'])}</code>" for run in runs) + "</p>\n<nav>" +
                   "".join(f'<a href="#{key}">{heading}</a>' for key, heading in SECTIONS) + "</nav>\n")
        file.write("\n".join(page.parts) + "\n</body></html>\n")
    os.replace(path + ".tmp", path)
    print(f"wrote {path}: {len(runs)} run{'s' if len(runs) > 1 else ''}, {len(page.files)} pictures")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_page(sys.argv[1], load(sys.argv[1]))
