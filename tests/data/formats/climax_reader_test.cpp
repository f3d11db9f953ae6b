#include "data/formats/climax_reader.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/data/formats/npz_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr int64_t kRecords = 5;

/// Two shards of 5 records on 2 x 4 cells: one value a place, and in the second shard 1000 more.
struct Shards {
  explicit Shards(ZipMethod method = ZipMethod::stored) {
    write_npy(folder / "lat.npy", at::tensor({-45.0, 45.0}));
    write_npy(folder / "lon.npy", at::tensor({0.0, 90.0, 180.0, 270.0}));
    for (int64_t k = 0; k < 2; ++k) {
      auto const add = 1000.0 * static_cast<double>(k);
      write_npz(folder / ("train/1979_" + std::to_string(k) + ".npz"),
                {{"land_sea_mask", numbered({1, 1, 2, 4}).expand({kRecords, 1, 2, 4})},
                 {"2m_temperature", temperature(at::kDouble) + add},
                 {"geopotential_500", temperature(at::kFloat) * 10 + add}},
                method);
    }
  }
  static at::Tensor temperature(at::ScalarType type) { return numbered({kRecords, 1, 2, 4}, type); }
  std::unique_ptr<Reader> open(OpenRequest request = {}) const {
    request.path = folder.path();
    return open_reader("auto", request);
  }
  std::string refusal(OpenRequest const& request = {}) const {
    return message_of<Error>([&] { read_trajectory(*open(request), 0); });
  }

  TemporaryFolder folder;
};

TEST(ClimaxReader, AShardIsATrajectoryOfItsVariables) {
  Shards const shards;
  auto const reader = shards.open();
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.format, "climax");
  EXPECT_EQ(spec.fields.channel_names(),
            (std::vector<std::string>{"2m_temperature", "geopotential_500"}));
  EXPECT_EQ(spec.fields.channel_units(), (std::vector<std::string>{"K", "m2 s-2"}));
  EXPECT_EQ(spec.constants.channel_names(), std::vector<std::string>{"land_sea_mask"});
  ASSERT_EQ(spec.trajectories.size(), 2U);
  EXPECT_EQ(spec.trajectories[1].source, "1979_1.npz");
  EXPECT_EQ(spec.trajectories[1].frames(), kRecords);
}

TEST(ClimaxReader, ReadsTheAskedRecordsAndCellsOfStoredAndCompressedShards) {
  for (auto const method : {ZipMethod::stored, ZipMethod::deflated}) {
    Shards const shards(method);
    auto const reader = shards.open();
    auto const out = read_frames(*reader,
                                 {.trajectory = 1, .first = 1, .count = 2, .stride = 2},
                                 {.first = {0, 1, 1}, .size = {1, 1, 3}});
    auto const expected =
        Shards::temperature(at::kFloat).slice(0, 1, 4, 2).narrow(2, 1, 1).narrow(3, 1, 3);
    EXPECT_TRUE(at::equal(out.select(1, 0), expected + 1000));
    EXPECT_TRUE(at::equal(out.select(1, 1), expected * 10 + 1000));
    EXPECT_EQ(reader->bytes_read(), 2 * 3 * (8 + 4));
    auto const constants = reader->read_constants(0, {.size = {1, 2, 4}});
    EXPECT_TRUE(at::equal(constants, numbered({1, 1, 2, 4})));
  }
}

TEST(ClimaxReader, FieldsAreFoundByShortCodesAndConstantsByName) {
  Shards const shards;
  auto const reader = shards.open({.fields = {"z_500", "lsm"}});
  EXPECT_EQ(reader->spec().fields.channel_names(), (std::vector<std::string>{"z_500", "lsm"}));
  EXPECT_TRUE(reader->spec().constants.empty());
  auto const values = read_trajectory(*reader, 0);
  EXPECT_TRUE(at::equal(values.select(1, 0), Shards::temperature(at::kFloat) * 10));
  EXPECT_TRUE(at::equal(values[3][1], numbered({1, 2, 4})));
}

TEST(ClimaxReader, TheMapSaysTheTimeBetweenRecords) {
  Shards const shards;
  auto const reader = shards.open({.map = "{hours: 6}"});
  EXPECT_EQ(reader->spec().time_unit, "h");
  EXPECT_EQ(reader->spec().trajectories[1].times, (std::vector<double>{0, 6, 12, 18, 24}));
  EXPECT_EQ(reader->spec().time_origin, "");
  EXPECT_THAT(shards.refusal({.map = "{hours: 0}"}), HasSubstr("data.map.hours is 0"));
}

TEST(ClimaxReader, WholeYearsHaveDates) {
  Shards const shards;
  // 2 shards of 5 records are the 8760 h of a year where a record stands for 876 h.
  auto const reader = shards.open({.map = "{hours: 876}"});
  EXPECT_EQ(reader->spec().time_origin, "1979-01-01 00:00:00");
  EXPECT_EQ(reader->spec().trajectories[1].times.front(), 4380);
}

TEST(ClimaxReader, HasTheSplitsThatItsFoldersHold) {
  Shards const shards;
  auto const& entry = format_entry("auto", shards.folder.path());
  EXPECT_EQ(entry.name, "climax");
  EXPECT_EQ(entry.own_splits({.path = shards.folder.path()}), std::vector<std::string>{"train"});
  EXPECT_THAT(shards.refusal({.split = "test"}), HasSubstr("has no shards for test"));
}

TEST(ClimaxReader, IsDescribedForPeople) {
  Shards const shards(ZipMethod::deflated);
  write_npz(shards.folder / "normalize_mean.npz", {{"2m_temperature", numbered({1})}});
  auto const text = describe(shards.folder.path());
  EXPECT_THAT(text, HasSubstr("ClimaX's npz shards"));
  EXPECT_THAT(text, HasSubstr("format: climax"));
  EXPECT_THAT(text, HasSubstr("normalize_mean.npz and normalize_std.npz are those of ClimaX's"));
  EXPECT_THAT(text, HasSubstr("the arrays are compressed"));
  EXPECT_THAT(text, HasSubstr("no dates"));
}

TEST(ClimaxReader, SaysWhatIsWrongWithAShard) {
  Shards const shards;
  EXPECT_THAT(shards.refusal({.fields = {"geopotential_550"}}),
              HasSubstr("has no variable 'geopotential_550'; did you mean 'geopotential_500'?"));
  auto const path = shards.folder / "train/1979_0.npz";
  write_npz(path, {{"2m_temperature", numbered({5, 1, 3, 4})}});
  EXPECT_THAT(
      shards.refusal(),
      HasSubstr(
          "has the shape (5, 1, 3, 4); (5 records, 1, 2 of lat.npy, 4 of lon.npy) is expected"));
  write_npz(path, {{"2m_temperature", numbered({0, 1, 2, 4})}});
  EXPECT_THAT(shards.refusal(), HasSubstr("has the shape (0, 1, 2, 4)"));
  write_npz(
      path,
      {{"2m_temperature", numbered({5, 1, 2, 4})}, {"geopotential_500", numbered({4, 1, 2, 4})}});
  EXPECT_THAT(shards.refusal(), HasSubstr("'geopotential_500' of"));
  write_npz(path, {{"orography", numbered({5, 1, 2, 4})}});
  EXPECT_THAT(shards.refusal(), HasSubstr("holds constants only (orography)"));
}

}  // namespace
}  // namespace eddyline
