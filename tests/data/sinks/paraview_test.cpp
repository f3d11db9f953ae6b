// What ParaView and h5py make of a rollout; skipped where they are missing.
#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/data/sinks/rollout_files.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using namespace testing_sinks;
using testing::HasSubstr;

/// Standard output and error of a command.
std::string output_of(std::string const& command) {
  auto* const pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer{};
  while (auto const count = fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), count);
  }
  pclose(pipe);
  return text;
}

std::filesystem::path write_script(std::filesystem::path const& folder, std::string const& text) {
  auto const path = folder / "look.py";
  std::ofstream(path) << text;
  return path;
}

TEST(RolloutXdmf, OpensInParaView) {
  ASSERT_EQ(std::system("command -v pvpython > /dev/null 2>&1"), 0)
      << "install paraview, or configure with -DEDDYLINE_PARAVIEW=OFF";
  auto const folder = write_rollout(fresh_folder("paraview"));
  auto const script = write_script(folder.path(), R"(
import sys
from paraview.simple import Xdmf3ReaderS
reader = Xdmf3ReaderS(FileName=[sys.argv[1]])
print('times', list(reader.TimestepValues))
reader.UpdatePipeline(reader.TimestepValues[5])
data = reader.GetClientSideObject().GetOutputDataObject(0)
print('bounds', [round(x, 6) for x in data.GetBounds()])
u, v = data.GetPointData().GetArray('u'), data.GetPointData().GetArray('v')
print('components', u.GetNumberOfComponents(), v.GetNumberOfComponents())
# point 9 of (z, y, x) = (1, 6, 4): x = 1, y index 2 counted from below
print('u %.7f v %.7f %.7f %.7f' % (u.GetValue(9), *v.GetTuple3(9)))
)");
  auto const text = output_of("pvpython " + script.string() + " " + folder.xdmf(2).string());
  auto const frame = frame_of(5, 2, 1)[0];
  std::array<char, 100> expected{};
  snprintf(expected.data(),
           expected.size(),
           "u %.7f v %.7f %.7f %.7f",
           frame[2][0][1][3].item<float>(),
           frame[0][0][1][3].item<float>(),
           frame[1][0][1][3].item<float>(),
           0.0);
  EXPECT_THAT(text, HasSubstr("times [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]"));
  EXPECT_THAT(text, HasSubstr("bounds [0.0, 3.0, 0.1, 7.0, 0.0, 0.0]"));
  EXPECT_THAT(text, HasSubstr("components 1 3"));
  EXPECT_THAT(text, HasSubstr(expected.data()));
}

TEST(RolloutMaster, ShowsH5pyWholeArrays) {
  std::string const python = venv_python();
  ASSERT_EQ(std::system((python + " -c 'import h5py' > /dev/null 2>&1").c_str()), 0)
      << "run ./test once: it makes .venv";
  auto const folder = write_rollout(fresh_folder("h5py"));
  auto const script = write_script(folder.path(), R"(
import sys, h5py
f = h5py.File(sys.argv[1])
print(f['fields/u'].shape, f['fields/v'].shape, f['times'][5], f['steps'][7], f.attrs['format'])
print('u %.7f v %.7f' % (f['fields/u'][2, 5, 0, 2, 1], f['fields/v'][2, 5, 0, 2, 1, 1]))
)");
  auto const text =
      output_of("cd / && " + python + " " + script.string() + " " + folder.master().string());
  auto const frame = frame_of(5, 2, 1)[0];
  std::array<char, 100> expected{};
  snprintf(expected.data(),
           expected.size(),
           "u %.7f v %.7f",
           frame[2][0][1][3].item<float>(),
           frame[1][0][1][3].item<float>());
  EXPECT_THAT(text, HasSubstr("(4, 8, 1, 6, 4) (4, 8, 1, 6, 4, 3) 2.5 7 eddyline rollout"));
  EXPECT_THAT(text, HasSubstr(expected.data()));
}

}  // namespace
}  // namespace eddyline
