// Metrics of samples that are split in space are those of whole samples.
#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/sharding/part_of.hpp"
#include "tests/message_of.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {
namespace {

using Parts = std::array<int, 3>;

constexpr double kRoundOff = 1e-10;  // sums of some hundred float64 in another order
constexpr int64_t kSamples = 4;

Axis axis_of(std::string const& name, int64_t size, Boundary boundary) {
  Axis axis{.name = name, .boundaries = {boundary, boundary}};
  axis.coordinates.clear();
  for (int64_t i = 0; i < size; ++i) {
    axis.coordinates.push_back(0.5 * (static_cast<double>(i) + 0.5));
  }
  return axis;
}

Axis stretched(std::string const& name, int64_t size) {
  auto axis = axis_of(name, size, Boundary::wall);
  for (auto& x : axis.coordinates) {
    x *= x;
  }
  return axis;
}

/// One with each transform of spectra, of sides that no split divides evenly, and a sphere.
std::vector<Grid> grids() {
  auto latitude = axis_of("latitude", 7, Boundary::open);
  latitude.coordinates = {75, 50, 25, 0, -25, -50, -75};
  auto longitude = axis_of("longitude", 9, Boundary::periodic);
  longitude.coordinates = {0, 40, 80, 120, 160, 200, 240, 280, 320};
  return {
      Grid({axis_of("x", 5, Boundary::periodic),
            axis_of("y", 7, Boundary::periodic),
            axis_of("z", 9, Boundary::periodic)}),
      Grid({axis_of("x", 5, Boundary::wall), stretched("y", 7), axis_of("z", 9, Boundary::wall)}),
      Grid({axis_of("y", 7, Boundary::wall), axis_of("z", 9, Boundary::periodic)}),
      Grid({latitude, longitude}, Geometry::lat_lon)};
}

Comparison case_on(Grid const& grid) {
  auto const [d, h, w] = grid.shape();
  auto const along = [](int64_t n, int64_t position) {
    std::vector<int64_t> shape(5, 1);
    shape[static_cast<size_t>(position)] = n;
    return at::arange(n, at::kDouble).view(shape);
  };
  auto const b = along(kSamples, 0), c = along(2, 1);
  auto const x = along(d, 2), y = along(h, 3), z = along(w, 4);
  auto const truth =
      at::sin(0.7 * y + 0.3 * z + b) + 0.5 * (c + 1) * at::cos(0.9 * z - 0.2 * x * y);
  auto const forecast = truth + 0.1 * at::cos(1.1 * y * z + b + 2 * c + x) + 0.02 * (c + 1);
  auto const mask = (y + z + x).remainder(5).gt(0).to(at::kDouble).expand({1, 1, d, h, w});
  return {.prediction = forecast.expand_as(truth + x),
          .target = (truth + 0 * x).contiguous(),
          .mask = mask,
          .trajectories = {0, 0, 1, 2},
          .climatology = (0.5 * at::sin(0.4 * y * z + c + x)).expand({kSamples, 2, d, h, w}),
          .sharding = nullptr};
}

/// This rank's samples and cells.
Comparison share_of(Comparison const& whole, std::shared_ptr<Sharding const> const& sharding) {
  auto const& data = sharding->mesh().data();
  auto const count = kSamples / data.size();
  auto const first = count * data.rank();
  auto const cut = [&](at::Tensor const& values) {
    return part_of(values.size(0) == 1 ? values : values.narrow(0, first, count),
                   sharding->block().box);
  };
  return {cut(whole.prediction),
          cut(whole.target),
          cut(whole.mask),
          {whole.trajectories.begin() + first, whole.trajectories.begin() + first + count},
          cut(whole.climatology),
          sharding};
}

class SplitMetrics : public testing::Test {
 protected:
  std::vector<Parts> splits(Grid const& grid) const {
    bool const deep = grid.dimensions() == 3;
    if (world_.size() == 2) {
      return deep ? std::vector<Parts>{{1, 1, 2}, {1, 2, 1}, {2, 1, 1}}
                  : std::vector<Parts>{{1, 1, 2}, {1, 2, 1}};
    }
    return deep ? std::vector<Parts>{{1, 2, 2}, {2, 1, 2}, {1, 1, 4}, {2, 1, 1}}
                : std::vector<Parts>{{1, 2, 2}, {1, 4, 1}, {1, 1, 2}};
  }
  Communicator world_ = Communicator::world();
};

TEST_F(SplitMetrics, AreThoseOfWholeSamplesOnManyRanks) {
  for (auto const& grid : grids()) {
    auto const whole = case_on(grid);
    for (auto const& parts : splits(grid)) {
      auto const mesh = std::make_shared<Mesh const>(world_, parts);
      auto const sharding = std::make_shared<Sharding const>(mesh, grid.shape());
      auto const own = share_of(whole, sharding);
      for (auto const& entry : metric_registry()) {
        auto const expected = entry.make(grid), split = entry.make(grid);
        expected->update(whole);
        split->update(own);
        auto const values = split->result(mesh->data());
        for (auto const& [name, result] : expected->result(Communicator::self())) {
          SCOPED_TRACE(concat(name, " on ", grid.describe(), ", ", parts[0], parts[1], parts[2]));
          auto const near = [](double value, double other) {
            return (std::isnan(value) && std::isnan(other)) ||
                   std::abs(value - other) <= kRoundOff * (1 + std::abs(other));
          };
          EXPECT_TRUE(near(values.at(name).overall, result.overall))
              << values.at(name).overall << " for " << result.overall;
          ASSERT_EQ(values.at(name).channels.size(), result.channels.size());
          for (size_t c = 0; c < result.channels.size(); ++c) {
            EXPECT_TRUE(near(values.at(name).channels[c], result.channels[c])) << c;
          }
        }
      }
    }
  }
}

TEST_F(SplitMetrics, OfAMapReachARankThatSawNoSampleOnManyRanks) {
  auto const grid = grids().back();
  auto const whole = case_on(grid);
  // Two samples at once, each on half of the ranks.
  auto const mesh = std::make_shared<Mesh const>(world_, Parts{1, 1, world_.size() / 2});
  auto const sharding = std::make_shared<Sharding const>(mesh, grid.shape());
  auto const expected = metric_entry("nrmse.climatebench").make(grid);
  auto const split = metric_entry("nrmse.climatebench").make(grid);
  auto own = whole;
  for (auto* part : {&own.prediction, &own.target, &own.mask, &own.climatology}) {
    *part = part_of(*part, sharding->block().box);
  }
  own.sharding = mesh->is_split() ? sharding : nullptr;
  expected->update(whole);
  if (mesh->data().rank() == 1) {
    split->update(own);
  }
  auto const values = split->result(mesh->data());
  for (auto const& [name, result] : expected->result(Communicator::self())) {
    EXPECT_NEAR(values.at(name).overall, result.overall, kRoundOff) << name;
  }
}

}  // namespace
}  // namespace eddyline
