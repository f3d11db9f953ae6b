#include "surrogates/checkpoints/native.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

class NativeCheckpointTest : public testing::Test {
 protected:
  NativeCheckpointTest()
      : folder_(std::filesystem::temp_directory_path() / concat("eddyline_native_", getpid())),
        path_(folder_ / "step.h5") {
    std::filesystem::create_directories(folder_);
  }
  ~NativeCheckpointTest() override { std::filesystem::remove_all(folder_); }

  std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(std::string const& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string message_of_reading() const {
    try {
      read_native(path_);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

NativeCheckpoint small() {
  NativeCheckpoint checkpoint;
  checkpoint.tensors["model/a.weight"] = at::arange(6, at::kFloat).view({2, 3});
  checkpoint.tensors["model/a.bias"] = at::scalar_tensor(0.5, at::kFloat);
  checkpoint.facts = {{"step", 7}, {"name", "µ-flow"}};
  return checkpoint;
}

TEST_F(NativeCheckpointTest, GivesBackEveryTypeBitForBit) {
  NativeCheckpoint written;
  auto const values = at::arange(-6, 6, at::kFloat).view({3, 4}).div(7);
  for (auto const type : {at::kFloat,
                          at::kDouble,
                          at::kHalf,
                          at::kBFloat16,
                          at::kByte,
                          at::kChar,
                          at::kShort,
                          at::kInt,
                          at::kLong,
                          at::kBool,
                          at::kComplexFloat,
                          at::kComplexDouble}) {
    written.tensors[concat("group/", c10::toString(type))] =
        (type == at::kByte ? values.abs() : values).mul(70).to(type);
  }
  written.tensors["strided"] = values.t();
  written.tensors["scalar"] = at::scalar_tensor(3, at::kLong);
  written.tensors["empty"] = at::empty({0, 5});
  write_native(path_, written);
  auto const read = read_native(path_);
  ASSERT_EQ(read.tensors.size(), written.tensors.size());
  for (auto const& [name, tensor] : written.tensors) {
    auto const& other = read.tensors.at(name);
    EXPECT_EQ(other.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(other.is_contiguous()) << name;
    EXPECT_TRUE(at::equal(other, tensor)) << name;
  }
}

TEST_F(NativeCheckpointTest, ReadsAllButTheMomentsForAForecast) {
  auto written = small();
  written.tensors["optimiser/a/exp_avg"] = at::ones({3});
  write_native(path_, written);
  EXPECT_TRUE(read_native(path_).tensors.contains("optimiser/a/exp_avg"));
  auto const read = read_native(path_, Tensors::all_but_moments);
  EXPECT_FALSE(read.tensors.contains("optimiser/a/exp_avg"));
  EXPECT_EQ(read.tensors.size(), small().tensors.size());
}

TEST_F(NativeCheckpointTest, GivesBackItsFacts) {
  write_native(path_, small());
  EXPECT_EQ(read_native(path_).facts, small().facts);
  EXPECT_EQ(read_native_facts(path_), small().facts);
}

TEST_F(NativeCheckpointTest, EqualContentMakesEqualBytes) {
  write_native(path_, small());
  auto const first = bytes();
  write_native(path_, small());
  EXPECT_EQ(bytes(), first);
}

TEST_F(NativeCheckpointTest, H5pyReadsIt) {
  auto const python = venv_python();
  if (std::system(concat("'", python, "' -c 'import h5py' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << "h5py is not installed in .venv";
  }
  write_native(path_, small());
  auto const code = concat(
      "'",
      python,
      "' -c \"import h5py,json; f=h5py.File('",
      path_.string(),
      "'); assert f['model/a.weight'][1,2]==5; assert json.loads(f['facts'][()])['step']==7\"");
  EXPECT_EQ(std::system(code.c_str()), 0);
}

TEST_F(NativeCheckpointTest, EveryFlippedByteIsFound) {
  write_native(path_, small());
  auto const whole = bytes();
  ASSERT_GT(whole.size(), 1024U);
  for (size_t at = 0; at < whole.size(); at += at < 600 ? 1 : 41) {
    auto broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    put(broken);
    EXPECT_THROW(read_native(path_), Error) << "byte " << at;
  }
}

TEST_F(NativeCheckpointTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_THAT(message_of_reading(), HasSubstr("No such file"));
  put("PK\x03\x04 something else");
  EXPECT_THAT(message_of_reading(), HasSubstr("is not a checkpoint of Eddyline"));
  write_native(path_, small());
  auto const whole = bytes();
  put(whole.substr(0, whole.size() - 100));
  EXPECT_THAT(message_of_reading(), HasSubstr("is truncated: it holds"));
  put(whole.substr(0, 300));
  EXPECT_THAT(message_of_reading(), HasSubstr("is truncated"));
  auto broken = whole;
  broken[2000] ^= 1;
  put(broken);
  EXPECT_THAT(message_of_reading(),
              HasSubstr("is damaged; use the one before it (its checksum differs)"));
  auto later = whole;
  later[later.find("version 1") + 8] = '9';
  put(later);
  EXPECT_THAT(message_of_reading(), HasSubstr("has version 9"));
}

TEST_F(NativeCheckpointTest, KnowsItsOwnFilesFromOthers) {
  write_native(path_, small());
  EXPECT_TRUE(is_native(path_));
  put("\x89HDF\r\n");
  EXPECT_FALSE(is_native(path_));
  EXPECT_FALSE(is_native(folder_ / "missing"));
}

TEST_F(NativeCheckpointTest, RefusesNamesThatCannotBePaths) {
  for (auto const* name : {"", "facts", "/absolute"}) {
    NativeCheckpoint checkpoint;
    checkpoint.tensors[name] = at::zeros({1});
    EXPECT_THROW(write_native(path_, checkpoint), Error) << name;
  }
  NativeCheckpoint nested;
  nested.tensors["a"] = at::zeros({1});
  nested.tensors["a/b"] = at::zeros({1});
  EXPECT_THROW(write_native(path_, nested), Error);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(NativeCheckpointTest, AKilledWriterLeavesAWholeFile) {
  auto checkpoint = small();
  checkpoint.tensors["large"] = at::zeros({1 << 20});
  checkpoint.facts["count"] = 0;
  write_native(path_, checkpoint);
  int64_t last = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    auto const child = fork();
    if (child == 0) {
      for (int64_t count = last + 1;; ++count) {
        checkpoint.facts["count"] = count;
        write_native(path_, checkpoint);
      }
    }
    std::this_thread::sleep_for(
        std::chrono::milliseconds(11 + 7 * attempt));  // hits different places of the write
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto const count = read_native(path_).facts["count"].get<int64_t>();
    EXPECT_GE(count, last);
    last = count;
  }
  EXPECT_GT(last, 0);
}

TEST_F(NativeCheckpointTest, AFullDiskIsAFailureAndKeepsTheOldFile) {
  write_native(path_, small());
  auto large = small();
  large.tensors["large"] = at::zeros({1 << 20});
  auto const child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    rlimit const limit{1 << 16, 1 << 16};
    setrlimit(RLIMIT_FSIZE, &limit);
    int code = 0;
    try {
      write_native(path_, large);
    } catch (Failure const& failure) {
      code = std::string(failure.what()).find("large") != std::string::npos ? 42 : 43;
    } catch (...) {
      code = 44;
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(read_native(path_).facts, small().facts);
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".tmp"));
}

}  // namespace
}  // namespace eddyline
