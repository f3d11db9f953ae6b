// The picture scripts.
#include <fstream>

#include <gtest/gtest.h>

#include "tests/places.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using namespace testing_rollout;

constexpr auto kSmallestPicture = 10000;  // bytes; an empty sheet has fewer

bool works(std::string const& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
}

TEST(DrawRollout, MakesAPictureWithParaView) {
  ASSERT_TRUE(works("command -v pvbatch") && works("command -v xvfb-run"))
      << "install paraview and xvfb, or configure with -DEDDYLINE_PARAVIEW=OFF";
  auto const folder = prepare("picture");
  auto const picture = folder / "pictures" / "rollout.png";
  auto const draw = "xvfb-run -a -s '-screen 0 1280x1024x24 -noreset' pvbatch " +
                    source_file("workflows/reporting/draw_rollout.py") + " ";
  ASSERT_TRUE(works(draw + (folder / "data" / "trajectory-00001.xdmf").string() + " " +
                    picture.string() + " --field w --steps 0,11"));
  EXPECT_GT(std::filesystem::file_size(picture), kSmallestPicture);
}

TEST(DrawLoss, MakesAPictureOfATraining) {
  std::string const python = venv_python();
  ASSERT_TRUE(works(python + " -c 'import matplotlib'")) << "run ./test once: it makes .venv";
  auto const folder = std::filesystem::temp_directory_path() / "eddyline_rollout_test" / "loss";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "metrics.csv") << "step,epoch,loss,learning_rate,valid_loss\n0,0,1.0,0.1,"
                                           "\n10,0,0.5,0.1,0.6\n20,1,0.2,0.05,0.3\n";
  auto const picture = folder / "pictures" / "loss.png";
  std::filesystem::remove(picture);
  ASSERT_TRUE(works(python + " " + source_file("workflows/reporting/draw_loss.py") + " " +
                    (folder / "metrics.csv").string() + " " + picture.string()));
  EXPECT_GT(std::filesystem::file_size(picture), kSmallestPicture);
}

}  // namespace
}  // namespace eddyline
