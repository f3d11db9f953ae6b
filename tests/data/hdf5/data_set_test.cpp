#include "data/hdf5/data_set.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

TEST(DataSet, ReadsAStridedPartAndCountsItsBytes) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  auto const values = at::arange(60, at::kFloat).view({5, 3, 4});
  auto const data = file.create_data_set("x", {.shape = {5, 3, 4}});
  data.write_all(values);
  auto const part = at::empty({2, 3, 2}, at::kFloat);
  auto const bytes = data.read({.first = {1, 0, 1}, .count = {2, 3, 2}, .stride = {3, 1, 1}}, part);
  EXPECT_TRUE(at::equal(part, values.slice(0, 1, 5, 3).slice(2, 1, 3)));
  EXPECT_EQ(bytes, 2 * 3 * 2 * 4);
}

TEST(DataSet, ConvertsToTheTypeOfTheTensor) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  auto const mask = at::tensor({1, 0, 1}).to(at::kBool);
  file.create_data_set("mask", {.shape = {3}, .type = at::kBool}).write_all(mask);
  file.create_data_set("double", {.shape = {3}, .type = at::kDouble})
      .write_all(at::arange(3, at::kDouble));
  auto const stored = file.open_data_set("mask");
  EXPECT_EQ(stored.type_name(), "boolean");
  EXPECT_TRUE(at::equal(stored.read_all(at::kBool), mask));
  EXPECT_TRUE(at::equal(stored.read_all(at::kFloat), mask.to(at::kFloat)));
  EXPECT_TRUE(
      at::equal(file.open_data_set("double").read_all(at::kFloat), at::arange(3, at::kFloat)));
  EXPECT_TRUE(at::equal(file.open_data_set("double").read_all(at::kBool), at::arange(3).ne(0)));
}

TEST(DataSet, RoundTripsThroughLzf) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  // One chunk of a pattern, one of noise (stored raw, since it does not shrink), one partly
  // outside.
  auto values = at::arange(2500, at::kInt).remainder(7).to(at::kFloat);
  values.slice(0, 1000, 2000).random_();
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    file.create_data_set("x",
                         {.shape = {2500}, .chunk = {1000}, .packing = DataSetLayout::Packing::lzf})
        .write_all(values);
  }
  auto const file = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(file.open_data_set("x").storage(), "chunks 1000, lzf");
  EXPECT_LT(file.open_data_set("x").stored_bytes(), 9000);
  EXPECT_TRUE(at::equal(file.open_data_set("x").read_all(at::kFloat), values));
}

TEST(DataSet, RefusesAPartThatDoesNotFit) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  auto const data = file.create_data_set("x", {.shape = {5, 4}});
  auto const out = at::empty({2, 4}, at::kFloat);
  auto const message = message_of([&] {
    data.read({.first = {4, 0}, .count = {2, 4}, .stride = {}}, out);
  });
  EXPECT_THAT(message,
              testing::HasSubstr("the part from (4, 0) of (2, 4) elements does not fit '/x' of"));
  EXPECT_THAT(message, testing::HasSubstr("of shape (5, 4)"));
}

TEST(DataSet, RefusesAbsurdExtentsWithoutAllocating) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    // Chunks that were never written take no room: a small file may claim exabytes.
    file.create_data_set("x", {.shape = {int64_t{1} << 40, 1 << 10}, .chunk = {1, 1 << 10}});
  }
  auto const file = Hdf5File::open(folder / "a.h5");
  auto const message = message_of([&] { file.open_data_set("x"); });
  EXPECT_THAT(message, testing::HasSubstr("'/x' of '"));
  EXPECT_THAT(message, testing::HasSubstr("claims (1099511627776, 1024) elements"));
  EXPECT_THAT(message, testing::HasSubstr("the file is damaged"));
}

TEST(DataSet, RefusesValuesKeptInAnotherFile) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    Hdf5Handle const creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_external(creation.id(), "/etc/hostname", 0, 40);
    hsize_t const extent = 10;
    Hdf5Handle const space(H5Screate_simple(1, &extent, nullptr));
    Hdf5Handle const data(H5Dcreate2(
        file.id(), "x", H5T_NATIVE_FLOAT, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT));
    ASSERT_TRUE(data.is_open());
  }
  auto const file = Hdf5File::open(folder / "a.h5");
  EXPECT_THAT(message_of([&] { file.open_data_set("x"); }),
              testing::HasSubstr("in another, raw file"));
}

TEST(DataSet, RefusesTextWhereNumbersAreExpected) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  Hdf5Handle const space(H5Screate(H5S_SCALAR));
  Hdf5Handle const type(H5Tcopy(H5T_C_S1));
  {
    Hdf5Handle const data(H5Dcreate2(
        file.id(), "note", type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }
  EXPECT_THAT(message_of([&] { file.open_data_set("note").read_numbers(); }),
              testing::HasSubstr("holds text where numbers are expected"));
}

}  // namespace
}  // namespace eddyline
