#include "surrogates/checkpoints/pytorch_writer.hpp"

#include <gmock/gmock.h>

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/damage.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

StateDict state() {
  return {{"b.weight", at::arange(6, at::kFloat).view({2, 3})},
          {"a.bias", at::tensor({1.5, -2.0}, at::kDouble)},
          {"a.steps", at::scalar_tensor(int64_t{7}, at::kLong)},
          {"a.mask", at::tensor({1, 0, 1}).to(at::kBool)},
          {"a.half", at::full({3}, 0.1, at::kBFloat16)},
          {"a.none", at::empty({0, 4})},
          {"a.turned", at::arange(70000, at::kInt).view({2, 35000}).t()},
          {"ключ", at::ones({1})}};
}

class PytorchWriter : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "a.pt";
};

void expect_equal(StateDict const& left, StateDict const& right) {
  ASSERT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].first, right[i].first);
    EXPECT_EQ(left[i].second.scalar_type(), right[i].second.scalar_type()) << left[i].first;
    EXPECT_TRUE(at::equal(left[i].second, right[i].second)) << left[i].first;
  }
}

TEST_F(PytorchWriter, OurReaderGetsEveryTypeShapeAndNameBackInOrder) {
  write_pytorch(path_, state());
  expect_equal(read_pytorch(path_).parameters, state());
  write_pytorch(path_, state(), "state_dict");
  auto const checkpoint = read_pytorch(path_);
  expect_equal(checkpoint.parameters, state());
  EXPECT_TRUE(checkpoint.facts.empty());
}

TEST_F(PytorchWriter, TheSameStateGivesTheSameBytes) {
  write_pytorch(path_, state());
  auto const other = folder_.path() / "b.pt";
  write_pytorch(other, state());
  EXPECT_EQ(bytes_of_file(path_), bytes_of_file(other));
}

/// The pickle is read by Python's own module, with torch's functions replaced by their arguments:
/// the Python parts of torch need more packages than this environment has.
TEST_F(PytorchWriter, PythonsPickleReadsTheCallsThatTorchLoadMakes) {
  write_pytorch(path_, state(), "state_dict");
  auto const text =
      python(source_file("tests/surrogates/checkpoints/read_pickle.py") + " " + path_.string());
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("python failed")));
  EXPECT_THAT(text,
              testing::HasSubstr("state_dict\nb.weight FloatStorage 0 6 0 (2, 3) (3, 1) False\n"));
  EXPECT_THAT(text, testing::HasSubstr("a.none FloatStorage 5 0 0 (0, 4) (4, 1) False\n"));
  EXPECT_THAT(text, testing::HasSubstr("a.turned IntStorage 6 70000 0 (35000, 2) (2, 1) False\n"));
}

TEST_F(PytorchWriter, RefusesATypeThatItCannotName) {
  try {
    write_pytorch(path_, {{"a", at::zeros({1}, at::kComplexHalf)}});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("PyTorch files of type ComplexHalf"));
  }
}

}  // namespace
}  // namespace eddyline
