#include "data/formats/pdebench_reader.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "data/formats/pdebench_header.hpp"
#include "data/hdf5/file.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/formats/upstream.hpp"

namespace eddyline {
namespace {

constexpr char const* k2dCfd = "2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5";

std::unique_ptr<Reader> open_fixture(std::string const& name, std::string const& split = "all") {
  return open_reader("auto", {.path = format_fixtures() / "pdebench" / name, .split = split});
}

/// One item of upstream's loaders: (space…, frames, channels), every `reduce`-th point and frame.
struct Item {
  at::Tensor x;
  at::Tensor y;
};

Item upstream_item(Reader& reader, int64_t trajectory, int64_t reduce) {
  auto const& spec = reader.spec();
  auto const frames = spec.trajectories[static_cast<size_t>(trajectory)].frames();
  auto values = read_frames(reader, {.trajectory = trajectory, .count = frames});
  if (!spec.constants.empty()) {  // Darcy: upstream stacks coefficient and solution as two "frames"
    values =
        at::cat({reader.read_constants(trajectory, {.first = {0, 0, 0}, .size = spec.grid.shape()})
                     .unsqueeze(0),
                 values});
    reduce = -reduce;  // and thins out in space only
  }
  auto all = channels_last(values, spec.grid);
  for (int64_t axis = 1; axis < all.dim() - 1; ++axis) {
    all = all.slice(axis, 0, std::nullopt, std::abs(reduce));
  }
  all = (reduce > 0 ? all.slice(0, 0, std::nullopt, reduce) : all).movedim(0, -2);
  return {all.narrow(-2, 0, 2), all};
}

/// Coordinates as upstream has them: x before y before z whatever the fields' order.
at::Tensor upstream_grid(Grid const& grid, int64_t reduce) {
  std::map<std::string, at::Tensor> axes;
  for (int i = 3 - grid.dimensions(); i < 3; ++i) {
    axes[grid.axis(i).name] =
        at::tensor(grid.axis(i).coordinates, at::kDouble).slice(0, 0, std::nullopt, reduce);
  }
  std::vector<at::Tensor> ordered;
  for (auto const& [name, values] : axes) {
    ordered.push_back(values);
  }
  return at::stack(at::meshgrid(ordered, "ij"), -1);
}

TEST(PdebenchReader, AgreesWithBothOfUpstreamsLoadersOnOneRank) {
  auto const all = read_expected("expected_pdebench_dataset.json");
  for (auto const& [key, expected] : all.items()) {
    bool const by_groups = key.find("|mult|") != std::string::npos;
    bool const test = key.find("test=True") != std::string::npos;
    int64_t const reduce = key.ends_with("reduce=2") ? 2 : 1;
    auto const reader = open_fixture(key.substr(0, key.find('|')));
    auto const samples = static_cast<int64_t>(reader->spec().trajectories.size());
    auto const part =
        pdebench_test_part(samples,
                           by_groups ? PdebenchLayout::groups : PdebenchLayout::arrays,
                           by_groups ? 0.25 : 0.34);
    EXPECT_EQ(test ? part[1] - part[0] : samples - (part[1] - part[0]),
              expected["len"].get<int64_t>())
        << key;
    auto const trajectory = test ? part[0] : by_groups ? 0 : part[1];
    auto const item = upstream_item(*reader, trajectory, reduce);
    expect_like(item.x, expected["x"], key + " x");
    expect_like(item.y, expected["y"], key + " y");
    expect_like(upstream_grid(reader->spec().grid, reduce), expected["grid"], key + " grid");
  }
}

/// base + Σ weight · index, float64 rounded to float32: how the index-coded files were made.
at::Tensor index_coded(double base,
                       std::vector<int64_t> const& shape,
                       std::vector<double> const& weights) {
  auto out = at::full(shape, base, at::kDouble);
  for (size_t a = 0; a < shape.size(); ++a) {
    std::vector<int64_t> view(shape.size(), 1);
    view[a] = -1;
    out = out + weights[a] * at::arange(shape[a], at::kDouble).view(view);
  }
  return out.to(at::kFloat);
}

TEST(PdebenchReader, JoinsVelocitiesToAVectorAndReadsABoxInItsPlace) {
  auto const reader = open_fixture(k2dCfd);
  EXPECT_EQ(reader->spec().fields.channel_names(),
            (std::vector<std::string>{"density", "pressure", "velocity_x", "velocity_y"}));
  auto const out = at::full({2, 4, 1, 7, 5}, NAN, at::kFloat);
  reader->read({.trajectory = 2, .first = 1, .count = 2, .stride = 3},
               {.first = {0, 6, 3}, .size = {1, 7, 5}},
               out);
  for (int64_t channel = 0; channel < 4; ++channel) {
    auto const whole = index_coded(
        10.0 * static_cast<double>(channel + 1), {3, 6, 20, 16}, {1, .1, 1e-2, 1e-3})[2];
    auto const expected = whole.slice(0, 1, 5, 3).slice(1, 6, 13).slice(2, 3, 8);
    EXPECT_TRUE(at::equal(out.select(1, channel).squeeze(1), expected)) << channel;
  }
  EXPECT_EQ(reader->bytes_read(), out.numel() * 4);
}

TEST(PdebenchReader, TakesTheFirstTimesOfAListOneTooLong) {
  auto const reader = open_fixture("1D_Burgers_Sols_Nu0.01.hdf5");
  auto const& times = reader->spec().trajectories[0].times;
  ASSERT_EQ(times.size(), 21U);
  EXPECT_EQ(times.back(), static_cast<double>(2.0F));
  EXPECT_EQ(reader->spec().trajectories[0].parameters,
            (std::map<std::string, double>{{"Nu", 0.01}}));
  EXPECT_TRUE(reader->spec().grid.axis(2).is_periodic());
}

TEST(PdebenchReader, NamesTheAxesOfDiffusionReactionYBeforeX) {
  auto const reader = open_fixture("2D_diff-react_NA_NA.h5");
  EXPECT_EQ(reader->spec().grid.axis(1).name, "y");
  EXPECT_EQ(reader->spec().grid.axis(1).size(), 16);
  EXPECT_EQ(reader->spec().grid.axis(2).name, "x");
  EXPECT_EQ(reader->spec().grid.axis(2).size(), 20);
  auto const water = open_fixture("2D_rdb_NA_NA.h5");
  EXPECT_EQ(water->spec().grid.axis(1).name, "x");
}

TEST(PdebenchReader, GivesTheConfigurationOfARunAsParameters) {
  auto const reader = open_fixture("2D_diff-react_NA_NA.h5");
  auto const& parameters = reader->spec().trajectories[3].parameters;
  EXPECT_EQ(parameters.at("Du"), 0.001);
  EXPECT_EQ(parameters.at("seed"), 3);
  auto const& names = reader->spec().scalars;
  auto const seed = std::find(names.begin(), names.end(), "seed") - names.begin();
  EXPECT_EQ(reader->read_scalars({.trajectory = 3, .count = 2})[1][seed].item<float>(), 3);
}

TEST(PdebenchReader, ReadsIncompressibleFlowUpToItsLastValidFrame) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const name = "ns_incom_inhom_2d_512-0.h5";
  auto const reader = open_fixture(name);
  EXPECT_EQ(reader->spec().fields.channel_names(),
            (std::vector<std::string>{"velocity_x", "velocity_y", "particles"}));
  auto const values = read_frames(*reader, {.trajectory = 1, .count = 5});
  auto const whole = index_coded(1, {2, 5, 12, 10, 2}, {1, .1, 1e-2, 1e-3, 10})[1];
  EXPECT_TRUE(at::equal(values.select(1, 1).squeeze(1), whole.select(-1, 1)));
  EXPECT_TRUE(at::equal(values.select(1, 2).squeeze(1), whole.select(-1, 0)));
  auto const force = reader->read_constants(1, {.first = {0, 0, 0}, .size = {1, 12, 10}});
  EXPECT_TRUE(
      at::equal(force[1][0], index_coded(1, {2, 12, 10, 2}, {1, 1e-2, 1e-3, 10})[1].select(-1, 1)));

  std::filesystem::copy(format_fixtures() / "pdebench" / name, folder / name);
  {
    Hdf5Handle const file(H5Fopen((folder / name).c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    Hdf5Handle const attribute(H5Aopen(file.id(), "latestIndex", H5P_DEFAULT));
    int64_t const latest = 2;
    H5Awrite(attribute.id(), H5T_NATIVE_INT64, &latest);
  }
  auto const broken = open_reader("auto", {.path = folder / name});
  EXPECT_EQ(broken->spec().trajectories[1].frames(), 3);
  EXPECT_THAT(broken->spec().remarks,
              testing::Contains(testing::HasSubstr("frames after 2 of 5 are left out")));
}

TEST(PdebenchReader, ReadsLzfChunksThatAreStoredRaw) {
  auto const reader = open_fixture("1D_diff-sorp_NA_NA.h5");
  for (int64_t seed = 0; seed < 3; ++seed) {
    auto const values = read_frames(*reader, {.trajectory = seed, .count = 11});
    auto const expected = index_coded(0.1 * static_cast<double>(seed), {11, 32}, {1e-2, 1e-3});
    EXPECT_TRUE(at::equal(values.view({11, 32}), expected)) << seed;
  }
}

TEST(PdebenchReader, SplitsAsUpstreamDoesAndRefusesAThirdPart) {
  EXPECT_EQ(open_fixture("2D_rdb_NA_NA.h5", "test")->spec().trajectories.size(), 3U);
  EXPECT_EQ(open_fixture("2D_rdb_NA_NA.h5", "train")->spec().trajectories.size(), 22U);
  EXPECT_THAT(error_of([] { open_fixture("2D_rdb_NA_NA.h5", "valid"); }),
              testing::HasSubstr("into train and test only, not 'valid'"));
  EXPECT_THAT(error_of([] { open_fixture(k2dCfd, "test"); }), testing::HasSubstr("has 3 samples"));
}

TEST(PdebenchReader, SaysWhatAFileOfAnotherLayoutLacks) {
  auto const path = format_fixtures() / "well/box3d_broadcast_mini/data/train/box3d_broadcast.hdf5";
  EXPECT_THAT(error_of([&] { open_reader("pdebench", {.path = path}); }),
              testing::HasSubstr("is not in PDEBench's layout"));
}

}  // namespace
}  // namespace eddyline
