#include "data/formats/cf_writer.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/netcdf_reader.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Grid globe() {
  Axis latitude{.name = "latitude",
                .coordinates = {-45, 45},
                .units = "degrees_north",
                .edges = {-90, 0, 90}};
  Axis longitude{.name = "longitude",
                 .coordinates = {0, 90, 180, 270},
                 .units = "degrees_east",
                 .boundaries = {Boundary::periodic, Boundary::periodic}};
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

at::Tensor counted(std::vector<int64_t> const& shape, double from) {
  return at::arange(c10::multiply_integers(shape), at::kFloat).reshape(shape) + from;
}

/// Temperature and geopotential of 3 frames, 2 h apart, from 2016-02-28 18:00 on.
std::unique_ptr<MemoryReader> weather(size_t trajectories) {
  std::vector<at::Tensor> series;
  for (size_t i = 0; i < trajectories; ++i) {
    series.push_back(counted({3, 2, 1, 2, 4}, 1000.0 * static_cast<double>(i)));
  }
  auto reader = std::make_unique<MemoryReader>(
      FieldSet({{.name = "t2m", .units = "K"}, {.name = "z_500", .units = "m**2 s**-2"}}),
      globe(),
      series);
  reader->editable().time_origin = "2016-02-28 18:00:00";
  reader->editable().calendar = "noleap";
  return reader;
}

CfDescription const kForecast = {
    .title = "a test", .source = "climax", .lead_times = CfLeadTimes::from_first_frame};

std::string text_of(NetcdfFile const& file, std::string const& variable, std::string const& name) {
  auto const* found = file.find(variable);
  return found == nullptr ? "no variable " + variable : found->text(name);
}

std::vector<double> values_of(NetcdfFile const& file, std::string const& variable) {
  return file.read_all(*file.find(variable));
}

TEST(CfWriter, OurReaderGetsBackValuesGridAndDates) {
  TemporaryFolder const folder;
  auto const source = weather(1);
  source->set_constants(FieldSet({Field{.name = "orography", .units = "m"}}),
                        counted({1, 1, 2, 4}, 0));
  write_cf_netcdf(*source, folder / "f.nc", kForecast);
  auto const reader = open_netcdf({.path = folder / "f.nc"});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.fields.channel_names(), (std::vector<std::string>{"t2m", "z_500"}));
  EXPECT_EQ(spec.constants.channel_names(), std::vector<std::string>{"orography"});
  EXPECT_EQ(spec.grid, globe());
  EXPECT_EQ(spec.time_origin, "2016-02-28 18:00:00");
  EXPECT_EQ(spec.calendar, "noleap");
  EXPECT_EQ(spec.trajectories[0].times, (std::vector<double>{0, 2, 4}));
  auto const out = at::empty({3, 2, 1, 2, 4});
  reader->read({.count = 3}, {.size = {1, 2, 4}}, out);
  EXPECT_TRUE(at::equal(out, counted({3, 2, 1, 2, 4}, 0)));
  EXPECT_TRUE(at::equal(reader->read_constants(0, {.size = {1, 2, 4}}), counted({1, 1, 2, 4}, 0)));
}

TEST(CfWriter, AttributesAreThoseOfTheConventions) {
  TemporaryFolder const folder;
  write_cf_netcdf(*weather(1), folder / "f.nc", kForecast);
  NetcdfFile const file(folder / "f.nc");
  EXPECT_EQ(text_of(file, "time", "units"), "hours since 2016-02-28 18:00:00");
  EXPECT_EQ(text_of(file, "time", "calendar"), "noleap");
  EXPECT_EQ(text_of(file, "time", "standard_name"), "time");
  EXPECT_EQ(text_of(file, "time", "axis"), "T");
  EXPECT_EQ(text_of(file, "latitude", "units"), "degrees_north");
  EXPECT_EQ(text_of(file, "latitude", "bounds"), "latitude_bnds");
  EXPECT_EQ(values_of(file, "latitude_bnds"), (std::vector<double>{-90, 0, 0, 90}));
  EXPECT_EQ(text_of(file, "longitude", "axis"), "X");
  EXPECT_EQ(text_of(file, "t2m", "standard_name"), "air_temperature");
  EXPECT_EQ(text_of(file, "z_500", "units"), "m2 s-2");
  EXPECT_EQ(text_of(file, "z_500", "long_name"), "geopotential at 500 hPa");
}

TEST(CfWriter, LeadTimesStandBesideTheTimes) {
  TemporaryFolder const folder;
  write_cf_netcdf(*weather(1), folder / "f.nc", kForecast);
  NetcdfFile const file(folder / "f.nc");
  EXPECT_EQ(text_of(file, "lead_time", "standard_name"), "forecast_period");
  EXPECT_EQ(text_of(file, "lead_time", "units"), "hours");
  EXPECT_EQ(values_of(file, "lead_time"), (std::vector<double>{0, 2, 4}));
  EXPECT_EQ(text_of(file, "forecast_reference_time", "units"), "hours since 2016-02-28 18:00:00");
  EXPECT_EQ(text_of(file, "t2m", "coordinates"), "lead_time forecast_reference_time");
}

TEST(CfWriter, TrajectoriesOfTheSameTimesAreRealizations) {
  TemporaryFolder const folder;
  write_cf_netcdf(*weather(2), folder / "f.nc", kForecast);
  auto const reader = open_netcdf({.path = folder / "f.nc"});
  ASSERT_EQ(reader->spec().trajectories.size(), 2U);
  auto const out = at::empty({1, 2, 1, 2, 4});
  reader->read({.trajectory = 1, .first = 2}, {.size = {1, 2, 4}}, out);
  EXPECT_TRUE(at::equal(out, counted({3, 2, 1, 2, 4}, 1000).narrow(0, 2, 1)));
}

TEST(CfWriter, ForecastsFromSeveralDatesHaveTheirOwnAxisOfThem) {
  TemporaryFolder const folder;
  auto const source = weather(2);
  source->editable().trajectories[1].times = {24, 26, 28};
  write_cf_netcdf(*source, folder / "f.nc", {});
  NetcdfFile const file(folder / "f.nc");
  EXPECT_EQ(values_of(file, "initial_time"), (std::vector<double>{0, 24}));
  EXPECT_EQ(text_of(file, "initial_time", "standard_name"), "forecast_reference_time");
  EXPECT_EQ(values_of(file, "lead_time"), (std::vector<double>{0, 2, 4}));
  EXPECT_EQ(values_of(file, "time"), (std::vector<double>{0, 2, 4, 24, 26, 28}));
  EXPECT_EQ(text_of(file, "t2m", "coordinates"), "time");
  EXPECT_EQ(values_of(file, "t2m")[3 * 8], 1000);
  EXPECT_EQ(values_of(file, "z_500").back(), 1000 + 47);
}

/// Notes the largest box that is read.
class WatchedReader final : public Reader {
 public:
  explicit WatchedReader(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
  DatasetSpec const& spec() const override { return reader_->spec(); }
  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    most_cells = std::max(most_cells, box.cells());
    reader_->read(frames, box, out);
  }
  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    most_cells = std::max(most_cells, box.cells());
    return reader_->read_constants(trajectory, box);
  }
  at::Tensor read_scalars(FrameRange const& frames) override {
    return reader_->read_scalars(frames);
  }
  int64_t bytes_read() const override { return reader_->bytes_read(); }
  int64_t most_cells = 0;

 private:
  std::unique_ptr<Reader> reader_;
};

TEST(CfWriter, CopiesSlabsOfFramesThatAreTooLargeToHold) {
  TemporaryFolder const folder;
  auto source = coded_reader({3, 3}, 7, 6);
  source->set_constants(FieldSet({Field{.name = "depth"}}), counted({1, 1, 7, 6}, 0));
  WatchedReader watched(std::move(source));
  auto slabs = kForecast;
  slabs.slab_bytes = 2 * 6 * 3 * 4;  // two layers along x of three channels
  write_cf_netcdf(watched, folder / "slabs.nc", slabs);
  EXPECT_EQ(watched.most_cells, 2 * 6);
  write_cf_netcdf(watched, folder / "whole.nc", kForecast);
  auto const a = open_netcdf({.path = folder / "slabs.nc"});
  auto const b = open_netcdf({.path = folder / "whole.nc"});
  Box const all{.size = {1, 7, 6}};
  auto const x = at::empty({3, 3, 1, 7, 6}), y = at::empty({3, 3, 1, 7, 6});
  a->read({.trajectory = 1, .first = 0, .count = 3}, all, x);
  b->read({.trajectory = 1, .first = 0, .count = 3}, all, y);
  EXPECT_TRUE(x.equal(y));
  EXPECT_TRUE(x.equal(coded_series(1, 3, 7, 6)));
  EXPECT_TRUE(a->read_constants(1, all).equal(b->read_constants(1, all)));
}

TEST(CfWriter, ConstantsThatDifferHaveTheirTrajectory) {
  class Differing final : public Reader {
   public:
    explicit Differing(std::unique_ptr<MemoryReader> reader) : reader_(std::move(reader)) {}
    DatasetSpec const& spec() const override { return reader_->spec(); }
    void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
      reader_->read(frames, box, out);
    }
    at::Tensor read_constants(int64_t trajectory, Box const& box) override {
      return reader_->read_constants(0, box) + trajectory;
    }
    at::Tensor read_scalars(FrameRange const&) override { return {}; }
    int64_t bytes_read() const override { return 0; }

   private:
    std::unique_ptr<MemoryReader> reader_;
  };
  TemporaryFolder const folder;
  auto source = weather(2);
  source->set_constants(FieldSet({Field{.name = "mask"}}), at::zeros({1, 1, 2, 4}));
  Differing reader(std::move(source));
  write_cf_netcdf(reader, folder / "f.nc", {});
  NetcdfFile const file(folder / "f.nc");
  EXPECT_EQ(file.find("mask")->rank(), 3);
  EXPECT_EQ(values_of(file, "mask")[8], 1);
}

TEST(CfWriter, PlanesAndVectorsKeepTheirNamesAndUnits) {
  TemporaryFolder const folder;
  write_cf_netcdf(*coded_reader({4}), folder / "f.nc", {.title = "flow", .source = "solver"});
  NetcdfFile const file(folder / "f.nc");
  EXPECT_EQ(text_of(file, "velocity_y", "units"), "m s-1");
  EXPECT_EQ(text_of(file, "time", "units"), "hours");
  EXPECT_EQ(text_of(file, "x", "axis"), "X");
  EXPECT_EQ(file.find("lead_time"), nullptr);
  auto const reader = open_netcdf({.path = folder / "f.nc"});
  auto const out = at::empty({4, 3, 1, 8, 6});
  reader->read({.count = 4}, {.size = {1, 8, 6}}, out);
  EXPECT_TRUE(at::equal(out, coded_series(0, 4)));
}

TEST(CfWriter, ANameThatIsTakenIsChanged) {
  TemporaryFolder const folder;
  MemoryReader source(
      FieldSet({{.name = "latitude"}, {.name = "a/b"}}), globe(), {counted({1, 2, 1, 2, 4}, 0)});
  write_cf_netcdf(source, folder / "f.nc", {});
  NetcdfFile const file(folder / "f.nc");
  EXPECT_NE(file.find("latitude_"), nullptr);
  EXPECT_NE(file.find("a_b"), nullptr);
}

TEST(CfWriter, RefusesTrajectoriesThatOneFileCannotHold) {
  TemporaryFolder const folder;
  auto const reader = coded_reader({4, 5});
  EXPECT_THAT(message_of<Error>([&] { write_cf_netcdf(*reader, folder / "f.nc", {}); }),
              HasSubstr("differ in their number of frames or their steps of time"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(CfWriter, LeavesNothingWhereTheFolderIsMissing) {
  TemporaryFolder const folder;
  EXPECT_THROW(write_cf_netcdf(*coded_reader({2}), folder / "none/f.nc", {}), Failure);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(CfWriter, XarrayOpensIt) {
  TemporaryFolder const folder;
  auto const source = weather(2);
  source->editable().calendar = "standard";  // others need one more package there
  write_cf_netcdf(*source, folder / "f.nc", kForecast);
  std::string const script =
      "import xarray; d = xarray.open_dataset('" + (folder / "f.nc").string() +
      "'); assert d.t2m.dims == ('realization', 'time', 'latitude', 'longitude'); assert "
      "d.time.dt.month.values[-1] == 2; assert float(d.t2m[1, 0, 0, 0]) == 1000";
  EXPECT_EQ(std::system((venv_python() + " -B -c \"" + script + "\"").c_str()), 0);
}

}  // namespace
}  // namespace eddyline
