// What tests of `catalyst:` share: data whose truth is known, a network for them, and commands.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/apps/process.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline::testing_shown {

// One thread: there is little to compute, and idle ones would spin.
inline std::string const kDisplay =
    "env OMP_NUM_THREADS=1 xvfb-run -a -s '-screen 0 1280x1024x24 -noreset' ";
inline std::string const kNoDisplay = "env -u DISPLAY OMP_NUM_THREADS=1 ";

inline std::string write_script(std::string const& path, std::string const& text) {
  std::ofstream(path) << text;
  return path;
}

/// A port that nothing listens at, another one each time; not of those (32768 and above) that the
/// system gives to connections, of which one might take it meanwhile.
inline int free_port() {
  constexpr int kFirst = 10000, kCount = 20000;
  static int next = getpid() % kCount;
  for (;;) {
    auto const port = kFirst + next++ % kCount;
    auto const descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(static_cast<uint16_t>(port));
    auto const is_free =
        ::bind(descriptor, reinterpret_cast<sockaddr*>(&place), sizeof(place)) == 0;
    ::close(descriptor);
    if (is_free) {
      return port;
    }
  }
}

/// A configuration key that lists the words of a text, quoted for the shell.
inline std::string words_as(std::string const& key, std::string const& text) {
  std::string list;
  for (size_t begin = 0; begin < text.size();) {
    auto const end = std::min(text.find(' ', begin), text.size());
    list += (list.empty() ? "\"" : ", \"") + text.substr(begin, end - begin) + '"';
    begin = end + 1;
  }
  return "'" + key + "=[" + list + "]' ";
}

inline Axis shown_axis(std::string name, std::vector<double> coordinates) {
  return {.name = std::move(name),
          .coordinates = std::move(coordinates),
          .units = "m",
          .boundaries = {Boundary::periodic, Boundary::periodic}};
}

inline std::vector<double> evenly(int64_t count, double step) {
  std::vector<double> x;
  for (int64_t i = 0; i < count; ++i) {
    x.push_back(step * static_cast<double>(i));
  }
  return x;
}

/// A folder with `data` (one trajectory of moving waves: u in K, on three dimensions the flow v in
/// m/s) and `run`, an untrained MORPH for them.
inline std::filesystem::path prepare_shown(std::string const& name,
                                           Grid const& grid,
                                           std::string const& patch) {
  constexpr int64_t kShownFrames = 8;
  auto const folder = std::filesystem::temp_directory_path() / "eddyline_shown_test" / name;
  std::filesystem::remove_all(folder);
  RolloutDescription description{.name = name, .made_by = "test", .time_unit = "s"};
  std::vector<Field> fields = {{.name = "u", .units = "K"}};
  if (grid.dimensions() == 3) {
    fields.push_back({.name = "v", .components = {"x", "y", "z"}, .units = "m/s", .order = 1});
  }
  description.fields = FieldSet(fields);
  description.grid = grid;
  description.trajectories.push_back({"waves", {}, {}});
  RolloutFolder const files(folder / "data");
  files.describe(description);
  RolloutSink sink(files, description, {0, 1});
  auto const [d, h, w] = grid.shape();
  auto const along = [](int64_t n, std::vector<int64_t> const& shape) {
    return at::arange(n, at::kFloat).view(shape) * (6.2832 / static_cast<double>(n));
  };
  auto const x = along(d, {1, d, 1, 1}), y = along(h, {1, 1, h, 1}), z = along(w, {1, 1, 1, w});
  auto const c = at::arange(description.fields.channels(), at::kFloat).view({-1, 1, 1, 1});
  for (int64_t t = 0; t < kShownFrames; ++t) {
    auto const s = 0.2 * static_cast<double>(t);
    sink.write(t, {(at::sin(x + z + s + c) + at::cos(y - s) * at::sin(z + c)).unsqueeze(0), s, {}});
  }
  sink.close_segment({kShownFrames - 1, at::zeros({1, 1, c.size(0), d, h, w}), {0.0}, {}});
  auto config = testing_rollout::two_frames();
  config.path = (folder / "data").string();
  Dataset const set(config, Split::all, window_shape(config), {1, 1, 1}, Communicator::self());
  testing_rollout::store_model_of(
      folder / "run",
      set,
      config,
      {"morph",
       "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, history: 2, "
       "max_patches: 64, patch: " +
           patch + "}"});
  return folder;
}

/// A rollout of the model in a prepared folder; its frames 0 and 2 are shown.
inline std::string shown_rollout(std::filesystem::path const& folder, std::string const& out) {
  return concat(kProgram,
                " rollout split=all device=cpu steps=2 catalyst.every=2 model=",
                (folder / "run/checkpoints/best.h5").string(),
                " out=",
                (folder / out).string(),
                " ");
}

}  // namespace eddyline::testing_shown
