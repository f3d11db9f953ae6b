#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/reader.hpp"
#include "tests/places.hpp"

namespace eddyline {

/// Folder of the sample files and of what upstream's own loaders returned for them.
inline std::filesystem::path format_fixtures() {
  return fixtures_folder() / "formats";
}

inline nlohmann::json read_expected(std::string const& name) {
  std::ifstream file(format_fixtures() / name);
  return nlohmann::json::parse(file);
}

/// Whole frames of one trajectory: (count, C, D, H, W).
inline at::Tensor read_frames(Reader& reader, FrameRange const& frames) {
  auto const grid = reader.spec().grid.shape();
  auto out = at::full(
      {frames.count, reader.spec().fields.channels(), grid[0], grid[1], grid[2]}, NAN, at::kFloat);
  reader.read(frames, {.first = {0, 0, 0}, .size = grid}, out);
  return out;
}

/// (T, C, D, H, W) as upstream has it: the named axes only, channels last.
inline at::Tensor channels_last(at::Tensor const& values, Grid const& grid) {
  auto out = values.movedim(1, -1);
  for (int missing = grid.dimensions(); missing < 3; ++missing) {
    out = out.squeeze(1);
  }
  return out;
}

/// Compares shape, mean, std (if given), first and last element with what upstream's tensor had.
inline void expect_like(at::Tensor const& values,
                        nlohmann::json const& expected,
                        std::string const& what) {
  EXPECT_EQ(values.sizes().vec(), expected["shape"].get<std::vector<int64_t>>()) << what;
  auto const flat = values.to(at::kDouble).contiguous().view(-1);
  // The moments were summed in another order, in float64.
  auto const scale = std::max(1.0, flat.abs().max().item<double>());
  EXPECT_NEAR(flat.mean().item<double>(), expected["mean"].get<double>(), 1e-12 * scale) << what;
  if (expected.contains("std")) {
    EXPECT_NEAR(
        flat.std(/*unbiased=*/false).item<double>(), expected["std"].get<double>(), 1e-12 * scale)
        << what;
  }
  EXPECT_EQ(flat[0].item<double>(), expected["first"].get<double>()) << what;
  EXPECT_EQ(flat[-1].item<double>(), expected["last"].get<double>()) << what;
}

template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (Error const& error) {
    return error.what();
  }
  return "no Error was thrown";
}

}  // namespace eddyline
