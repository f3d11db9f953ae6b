// ClimaX against values computed with the reference implementation.
#include <fstream>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/climax/positions.hpp"
#include "surrogates/climax/region.hpp"
#include "tests/gpu.hpp"
#include "tests/parity/climax_reference.hpp"
#include "workflows/metrics/climax_scores.hpp"

namespace eddyline::parity {
namespace {

template <class Compare>
void for_each_reference(Compare compare) {
  for (auto const& reference : read_references("climax")) {
    SCOPED_TRACE(reference.stem);
    compare(reference);
  }
}

/// Tables that belong to no network: boxes of regions, sines; null where there are none.
nlohmann::json auxiliary() {
  std::ifstream file(fixture_folder("climax") / "auxiliary.json");
  return file ? nlohmann::json::parse(file) : nlohmann::json();
}

Grid globe(int64_t rows, int64_t columns, bool from_north) {
  Axis latitude{.name = "latitude", .coordinates = {}},
      longitude{.name = "longitude", .coordinates = {}};
  for (int64_t i = 0; i < rows; ++i) {
    auto const y = -90 + 180 * (static_cast<double>(i) + 0.5) / static_cast<double>(rows);
    latitude.coordinates.push_back(from_north ? -y : y);
  }
  for (int64_t i = 0; i < columns; ++i) {
    longitude.coordinates.push_back(360 * static_cast<double>(i) / static_cast<double>(columns));
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

std::vector<std::string> split(std::string const& text, char at) {
  std::vector<std::string> parts(1);
  for (char const c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

TEST(ClimaxParity, Import) {
  for_each_reference(compare_import);
}
TEST(ClimaxParity, Outputs) {
  for_each_reference(compare_outputs);
}
TEST(ClimaxParity, Frozen) {
  for_each_reference(compare_frozen);
}
TEST(ClimaxParity, Intermediates) {
  for_each_reference(compare_intermediates);
}
TEST(ClimaxParity, Regions) {
  for_each_reference(compare_regions);
}
TEST(ClimaxParity, Gradients) {
  for_each_reference([](Reference const& reference) { compare_gradients(reference); });
}
TEST(ClimaxParity, MissingGradients) {
  for_each_reference(compare_missing_gradients);
}
TEST(ClimaxParity, Training) {
  for_each_reference(compare_training);
}
TEST(ClimaxParity, Scores) {
  for_each_reference(compare_scores);
}
TEST(ClimaxParity, Layouts) {
  for_each_reference(compare_layouts);
}

/// "region/32x64/south_to_north/Europe/p2": {patch_ids: [first, last, count], min_h, …}
TEST(ClimaxParity, RegionBoxes) {
  auto const tables = auxiliary();
  int compared = 0;
  for (auto const& [name, expected] : tables.items()) {
    auto const parts = split(name, '/');
    if (parts.size() != 5 || parts[0] != "region") {
      continue;
    }
    auto const size = split(parts[1], 'x');
    auto const grid = globe(std::stoll(size[0]), std::stoll(size[1]), parts[2] == "north_to_south");
    auto const patch = std::stoll(parts[4].substr(1));
    auto box = LatLonBox{};
    for (auto const& [value, text] : EnumNames<RegionName>::names) {
      box = parts[3] == text ? box_of(value) : box;
    }
    auto const region = find_region(grid, box, {patch, patch}, RegionOrder::upstream);
    auto const patches = region.patches(grid.axis(2).size() / patch);
    EXPECT_EQ((std::vector<int64_t>{
                  patches.front(), patches.back(), static_cast<int64_t>(patches.size())}),
              expected.at("patch_ids").get<std::vector<int64_t>>())
        << name;
    auto const limit = [&](char const* key) { return expected.at(key).get<int64_t>(); };
    EXPECT_EQ(region.cell_rows().front(), limit("min_h")) << name;
    EXPECT_EQ(region.cell_rows().back(), limit("max_h")) << name;
    EXPECT_EQ(region.cell_columns().front(), limit("min_w")) << name;
    EXPECT_EQ(region.cell_columns().back(), limit("max_w")) << name;
    ++compared;
  }
  if (compared == 0) {
    GTEST_SKIP() << "the fixtures have no boxes of regions";
  }
  std::printf("boxes of regions: %d equal\n", compared);
}

/// "pos_embed_2d/dim24/16x32": {rows: {number: values}}, "var_embed_1d/dim24/n48": {number: values}
TEST(ClimaxParity, SineTables) {
  constexpr double kRoundOff = 1e-7;  // of float32 numbers up to 1
  auto const tables = auxiliary();
  double worst = -1;
  for (auto const& [name, expected] : tables.items()) {
    auto const parts = split(name, '/');
    at::Tensor table;
    if (parts.size() == 3 && parts[0] == "pos_embed_2d") {
      auto const size = split(parts[2], 'x');
      table = sine_table(std::array<int64_t, 2>{std::stoll(size[0]), std::stoll(size[1])},
                         std::stoll(parts[1].substr(3)));
    } else if (parts.size() == 3 && parts[0] == "var_embed_1d") {
      table = sine_table(std::stoll(parts[2].substr(1)), std::stoll(parts[1].substr(3)));
    } else {
      continue;
    }
    for (auto const& [row, values] :
         (expected.contains("rows") ? expected["rows"] : expected).items()) {
      auto const reference = at::tensor(values.get<std::vector<double>>(), at::kDouble);
      worst = std::max(worst, largest_difference(table[std::stoll(row)], reference));
    }
  }
  if (worst < 0) {
    GTEST_SKIP() << "the fixtures have no tables of sines";
  }
  std::printf("tables of sines: largest difference %.2e (at most %.0e)\n", worst, kRoundOff);
  EXPECT_LE(worst, kRoundOff);
}

TEST(ClimaxParity, SplitOnManyRanks) {
  int splits = 0;
  for_each_reference([&](Reference const& reference) {
    splits += compare_split(reference, split_climax(reference));
  });
  EXPECT_GT(splits, 0);
}

TEST(ClimaXParity, OnGpu) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  for_each_reference([&](Reference const& reference) {
    compare_on_gpu(reference, split_climax(reference), *gpu);
  });
}

/// What a fixture holds must be an input or be compared: a new group cannot go unnoticed.
TEST(ClimaxParity, EveryDataSetIsUsed) {
  for_each_reference([](Reference const& reference) {
    for (auto* const compare : {compare_import,
                                compare_outputs,
                                compare_intermediates,
                                compare_regions,
                                static_cast<void (*)(Reference const&)>(compare_gradients),
                                compare_missing_gradients,
                                compare_training,
                                compare_scores,
                                compare_layouts}) {
      compare(reference);
    }
    EXPECT_EQ(reference.unused(), std::vector<std::string>{}) << reference.stem;
  });
}

/// Every parameter's gradient along a random direction against central differences in float64.
TEST(ClimaxParity, DirectionalDifferences) {
  constexpr double kTolerance = 1e-8;  // of the loss' size; truncation and round-off are near 1e-11
  for_each_reference([&](Reference const& reference) {
    auto const climax = load_climax(reference);
    climax->to(at::kDouble);
    compare_directions(
        reference,
        *climax,
        [&] { return predict(*climax, reference).square().mean(); },
        kTolerance);
  });
}

}  // namespace
}  // namespace eddyline::parity
