#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.hpp"

namespace eddyline {

/// `eddyline report`.
struct ReportConfig {
  std::vector<std::string> runs;
  std::string out;
  std::string title;
  std::string metric = "vrmse.well";
  std::vector<std::string> fields;
  std::vector<int64_t> trajectories;
  std::vector<int64_t> steps;
  int64_t frames = 40;
  std::string python;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("runs",
      runs,
      "folders of runs, folders of rollouts, or evaluation.json files; more may follow the verb");
    v("out", out, "folder to write; empty: report/ in the folder of the first run");
    v("title", title, "heading of the page; empty: the runs' names");
    v("metric", metric, "of the error against lead time and of the table of scores");
    v("fields", fields, "names of the fields (or of their components) to show; empty: all");
    v("trajectories", trajectories, "numbers of the trajectories to draw; empty: the first");
    v("steps", steps, "steps to draw; empty: five, evenly spread");
    v("frames", frames, "most frames of an animation");
    v("python",
      python,
      "Python with numpy, h5py and matplotlib; empty: .venv of the checkout, else python3");
  }
};

}  // namespace eddyline
