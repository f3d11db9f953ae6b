#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

class Convert : public testing::Test {
 protected:
  Convert()
      : to_(std::filesystem::temp_directory_path() / concat("eddyline_convert_", getpid(), ".h5")) {
  }
  ~Convert() override { std::filesystem::remove(to_); }

  static std::string fixture(std::string const& name = "lora3d_vec_ar2.pt") {
    return (source_folder() / "tests/fixtures/morph" / name).string();
  }
  std::string message_of(std::vector<std::string> const& arguments) const {
    try {
      run_convert(arguments, Communicator::self());
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path to_;
};

TEST_F(Convert, WritesAModelThatLoadsWithItsWeights) {
  ASSERT_EQ(run_convert({fixture(),
                         to_.string(),
                         "import.heads=4",
                         "import.heads_xa=8",
                         "import.history=2",
                         "import.fields=[density,velocity:x:y:z]"},
                        Communicator::self()),
            0);
  auto const model = load_model(read_native(to_));
  auto const parameters = model->named_parameters();
  for (auto const& [name, value] : read_pytorch(fixture()).parameters) {
    EXPECT_TRUE(at::equal(parameters[name], value)) << name;
  }
  EXPECT_EQ(model->history(), 2);
}

TEST_F(Convert, KeepsTheOptimisersMoments) {
  auto const from = fixture("bilinearL2d_vec_ar2.pt");
  run_convert({from, to_.string(), "import.heads=2", "import.heads_xa=4"}, Communicator::self());
  auto const source = read_pytorch(from);
  auto const tensors = read_native(to_).tensors;
  ASSERT_EQ(source.optimizer_state.size(), 87U);
  for (auto const& [index, state] : source.optimizer_state) {
    auto const& name = source.parameters.at(static_cast<size_t>(index)).first;
    for (auto const& [moment, value] : state) {
      EXPECT_TRUE(at::equal(tensors.at(concat("optimiser/", name, "/", moment)), value)) << name;
    }
  }
}

TEST_F(Convert, SaysWhatIsWrong) {
  EXPECT_THAT(message_of({fixture()}), HasSubstr("convert takes two files, FROM and TO, not 1"));
  EXPECT_THAT(message_of({"/nowhere.pth", to_.string()}), HasSubstr("No such file"));
  EXPECT_THAT(message_of({fixture(), to_.string(), "import.heads=5"}),
              HasSubstr("model.heads 5 does not divide model.dim 32"));
  EXPECT_THAT(message_of({fixture(), fixture()}),
              HasSubstr("exists; give another name or --overwrite"));
}

}  // namespace
}  // namespace eddyline
