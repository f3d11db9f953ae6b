// What a rollout of forecasts writes beside its folder's own files, and how it reaches later steps.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/formats/netcdf_reader.hpp"
#include "data/formats/rollout_reader.hpp"
#include "tests/workflows/rollout/small_model.hpp"
#include "workflows/rollout/run_rollout.hpp"

namespace eddyline {
namespace {

using namespace testing_rollout;

RolloutConfig config_in(std::filesystem::path const& folder) {
  RolloutConfig config;
  config.model = (folder / "run" / "checkpoints" / "best.h5").string();
  config.split = Split::all;
  config.steps = 8;
  config.segment = 3;
  config.device = DeviceKind::cpu;
  return config;
}

/// All frames of a rollout: (B, T, C, D, H, W).
at::Tensor frames_of(std::filesystem::path const& folder, at::ScalarType type = at::kFloat) {
  auto const reader = open_rollout({.path = folder});
  auto const& spec = reader->spec();
  auto const frames = spec.trajectories[0].frames();
  auto all = at::empty(
      {static_cast<int64_t>(spec.trajectories.size()), frames, spec.fields.channels(), 1, 8, 8},
      type);
  for (int64_t b = 0; b < all.size(0); ++b) {
    reader->read({b, 0, frames, 1}, {{0, 0, 0}, {1, 8, 8}}, all[b]);
  }
  return all;
}

TEST(ForecastRollout, WritesItsFramesAsCfNetcdfToo) {
  auto const folder = prepare("netcdf");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.netcdf = true;
  try {
    run_rollout(config, Existing::refuse, world);
    ADD_FAILURE() << "three trajectories together would get the dates of the first";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what())
                  .find("step together and would get those of the first; set "
                        "batch=1"),
              std::string::npos);
  }
  config.batch = 1;
  run_rollout(config, Existing::refuse, world);
  auto const reader = open_netcdf({.path = folder / "run" / "rollout" / "forecast.nc"});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.time_origin, "2019-03-01 06:00:00.500000");  // of the second input frame
  EXPECT_EQ(spec.calendar, "noleap");
  auto const all = frames_of(folder / "run" / "rollout");
  ASSERT_EQ(static_cast<int64_t>(spec.trajectories.size()), all.size(0));
  auto const last = at::empty({1, 6, 1, 8, 8});
  reader->read({.trajectory = 2, .first = 8}, {.size = {1, 8, 8}}, last);
  EXPECT_TRUE(at::equal(last[0], all[2][8]));
}

TEST(ForecastRollout, ADirectForecastGoesOnBitForBit) {
  auto const folder = prepare("resume_direct");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.forecast = Forecast::direct;
  run_rollout(config, Existing::refuse, world);
  config.out = (folder / "broken").string();
  config.steps = 3;
  run_rollout(config, Existing::refuse, world);
  config.steps = 8;
  run_rollout(config, Existing::resume, world);
  EXPECT_TRUE(at::equal(frames_of(folder / "run" / "rollout"), frames_of(folder / "broken")));
}

}  // namespace
}  // namespace eddyline
