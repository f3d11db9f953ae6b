// How `eddyline train` ends when it cannot go on: exit code and message of the program itself.
#include <gmock/gmock.h>
#include <zlib.h>

#include <array>
#include <limits>

#include <hdf5.h>

#include "data/hdf5/handle.hpp"
#include "tests/apps/train_program.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string number(uint64_t value, size_t bytes) {
  return {reinterpret_cast<char const*>(&value), bytes};
}

/// A zip archive of one entry, stored as torch.save stores it.
std::string stored_zip(std::string const& name, std::string const& content) {
  auto const crc = crc32_z(0, reinterpret_cast<Bytef const*>(content.data()), content.size());
  auto const sizes = number(crc, 4) + number(content.size(), 4) + number(content.size(), 4) +
                     number(name.size(), 2) + number(0, 2);
  auto const local = "PK\x03\x04" + number(20, 2) + number(0, 8) + sizes + name + content;
  auto const directory = "PK\x01\x02" + number(20, 2) + number(20, 2) + number(0, 8) + sizes +
                         number(0, 8) + number(0, 6) + name;
  return local + directory + "PK\x05\x06" + number(0, 4) + number(1, 2) + number(1, 2) +
         number(directory.size(), 4) + number(local.size(), 4) + number(0, 2);
}

class TrainFailure : public TrainProgram {
 protected:
  /// A copy of the data that a test may spoil.
  std::filesystem::path copy_data() const {
    std::filesystem::copy(source_file("tests/fixtures/formats/well/active_matter_mini"),
                          folder_ / "data",
                          std::filesystem::copy_options::recursive);
    return folder_ / "data/data/train/active_matter_L_10.0_zeta_1.0_alpha_-1.0.hdf5";
  }
  std::string on_copy() const { return "data.path=" + (folder_ / "data").string(); }
};

TEST_F(TrainFailure, EndsWithOneWhenTheDiskIsFull) {
  before_ = "ulimit -f 64; ";  // blocks of 512 bytes: less than a checkpoint
  EXPECT_EQ(run("run.name=full train.steps=3 train.checkpoint.every_epochs=1"), 1);
  EXPECT_THAT(read(output()), HasSubstr("File too large"));
  EXPECT_THAT(read(output()), HasSubstr("while writing the checkpoint of step 1"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "runs/full/checkpoints/last.h5"));
}

TEST_F(TrainFailure, EndsWithTwoOnATruncatedFile) {
  auto const file = copy_data();
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_EQ(run(on_copy()), 2);
  EXPECT_THAT(read(output()), HasSubstr("is truncated"));
  EXPECT_THAT(read(output()), HasSubstr(file.filename().string()));
}

TEST_F(TrainFailure, EndsWithTwoOnNaNInTheData) {
  auto const path = copy_data();
  {
    Hdf5Handle const file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    Hdf5Handle const data(H5Dopen2(file.id(), "t0_fields/concentration", H5P_DEFAULT));
    Hdf5Handle const space(H5Dget_space(data.id()));
    std::array<hsize_t, 4> const cell = {1, 2, 3, 4};
    ASSERT_GE(H5Sselect_elements(space.id(), H5S_SELECT_SET, 1, cell.data()), 0);
    Hdf5Handle const one(H5Screate(H5S_SCALAR));
    auto const nan = std::numeric_limits<float>::quiet_NaN();
    ASSERT_GE(H5Dwrite(data.id(), H5T_NATIVE_FLOAT, one.id(), space.id(), H5P_DEFAULT, &nan), 0);
  }
  EXPECT_EQ(run(on_copy(), 2), 2);
  EXPECT_THAT(read(output()),
              HasSubstr("field 'concentration' has 1 missing values (NaN) of 768 in frame 2; set "
                        "data.missing to mean or mask"));
}

TEST_F(TrainFailure, EndsWithTwoOnAGridThatThePatchDoesNotDivide) {
  EXPECT_EQ(run("model.patch=[1,7,8]"), 2);
  EXPECT_THAT(read(output()), HasSubstr("has 32 points, not a multiple of patch 7"));
}

TEST_F(TrainFailure, EndsWithTwoOnAPickleThatCallsWhatItMayNot) {
  // Loading it with Python would run os.system('false').
  auto const pickle = "\x80\x02" + std::string("cos\nsystem\nX") + number(5, 4) + "false\x85R.";
  std::ofstream(folder_ / "evil.pth", std::ios::binary) << stored_zip("archive/data.pkl", pickle);
  EXPECT_EQ(run("train.from=" + (folder_ / "evil.pth").string()), 2);
  EXPECT_THAT(read(output()), HasSubstr("os.system"));
}

TEST_F(TrainFailure, EndsWithFourWhenItDivergesAndKeepsTheLastGoodState) {
  for (int const ranks : {1, 2}) {
    auto const name = std::to_string(ranks);
    EXPECT_EQ(run("train.schedule.peak=1e30 train.log_every=1 train.checkpoint.every_steps=1 "
                  "run.name=" +
                      name,
                  ranks),
              4);
    EXPECT_THAT(read(output()), HasSubstr("is not finite at step"));
    EXPECT_THAT(read(output()), HasSubstr("lower train.schedule.peak"));
  }
}

}  // namespace
}  // namespace eddyline
