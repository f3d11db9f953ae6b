#include "data/hdf5/file.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

/// A file with one data set of 1000 floats.
void write_sample(std::filesystem::path const& path) {
  auto file = Hdf5File::create(path);
  file.create_group("g")
      .create_data_set("x", {.shape = {1000}})
      .write_all(at::arange(1000, at::kFloat));
  file.close();
}

TEST(Hdf5File, ListsGroupsAndDataSets) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  write_sample(folder / "a.h5");
  auto const file = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(file.groups(), std::vector<std::string>{"g"});
  EXPECT_TRUE(file.data_sets().empty());
  EXPECT_TRUE(file.has_data_set("g/x"));
  EXPECT_FALSE(file.has_data_set("h/x"));
  EXPECT_EQ(file.open_data_set("g/x").shape(), std::vector<int64_t>{1000});
}

TEST(Hdf5File, KeepsShapeAndTypeOfATensor) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const values = at::arange(6, at::kDouble).view({3, 2}).t();
  auto file = Hdf5File::create(folder / "a.h5");
  EXPECT_EQ(file.write_tensor("x", values).shape(), (std::vector<int64_t>{2, 3}));
  file.close();
  auto const data = Hdf5File::open(folder / "a.h5").open_data_set("x");
  EXPECT_EQ(data.type_name(), "float64");
  EXPECT_TRUE(at::equal(data.read_all(at::kDouble), values));
}

TEST(Hdf5File, SaysWhatIsThereWhenADataSetIsMissing) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  write_sample(folder / "a.h5");
  auto const file = Hdf5File::open(folder / "a.h5");
  auto const message = message_of([&] { file.open_group("g").open_data_set("y"); });
  EXPECT_THAT(message, testing::HasSubstr("'/g' of '"));
  EXPECT_THAT(message, testing::HasSubstr("has no data set 'y'"));
  EXPECT_THAT(message, testing::HasSubstr("known: x"));
}

TEST(Hdf5File, RefusesWhatIsNoHdf5File) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  std::ofstream(folder / "text.h5") << "x, y\n1, 2\n";
  std::ofstream(folder / "empty.h5");
  EXPECT_THAT(message_of([&] { Hdf5File::open(folder / "text.h5"); }),
              testing::HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(message_of([&] { Hdf5File::open(folder / "empty.h5"); }),
              testing::HasSubstr("is empty (0 bytes)"));
  EXPECT_THAT(message_of([&] { Hdf5File::open(folder / "none.h5"); }),
              testing::HasSubstr("there is no file"));
  EXPECT_THAT(message_of([&] { Hdf5File::open(folder / ""); }),
              testing::HasSubstr("is not a file"));
}

TEST(Hdf5File, RefusesATruncatedFileBeforeParsingIt) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  write_sample(folder / "a.h5");
  auto const bytes = std::filesystem::file_size(folder / "a.h5");
  std::filesystem::resize_file(folder / "a.h5", bytes - 10);
  auto const message = message_of([&] { Hdf5File::open(folder / "a.h5"); });
  EXPECT_THAT(message, testing::HasSubstr("is truncated: it has " + std::to_string(bytes - 10)));
  EXPECT_THAT(message, testing::HasSubstr("its header says " + std::to_string(bytes)));
}

TEST(Hdf5File, IsReadAndWrittenByAllRanksTogether) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto const n = int64_t{6} * world.size();
  {
    auto file = Hdf5File::create(folder / "a.h5", world);
    {
      auto const data = file.create_data_set("x", {.shape = {n}, .chunk = {4}, .gzip = 4});
      data.write({.first = {6 * world.rank()}, .count = {6}, .stride = {}},
                 at::full({6}, world.rank(), at::kFloat),
                 Transfer::collective);
    }
    file.close();
  }
  world.barrier();
  auto const file = Hdf5File::open(folder / "a.h5", world);
  auto const values = at::empty({n}, at::kFloat);
  file.open_data_set("x").read(
      {.first = {0}, .count = {n}, .stride = {}}, values, Transfer::collective);
  EXPECT_TRUE(at::equal(values, at::arange(n, at::kLong).floor_divide(6).to(at::kFloat)));
}

TEST(Hdf5File, FailsOnAllRanksIfItFailsOnOne) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  EXPECT_THROW(Hdf5File::open(folder / "none.h5", world), Error);
}

}  // namespace
}  // namespace eddyline
