// What ParaView and h5py make of a rollout; skipped where they are missing.
#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
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

/// One frame of zeros and one of ones of u [K] at 0 and 0.5 s.
std::filesystem::path write_two_frames(std::string const& name, Grid const& grid) {
  RolloutFolder const folder(fresh_folder(name));
  RolloutDescription description{.name = name, .made_by = "tiny", .time_unit = "s"};
  description.fields = FieldSet({Field{.name = "u", .units = "K"}});
  description.grid = grid;
  description.trajectories.push_back({"test", {}, {}});
  folder.describe(description);
  RolloutSink sink(folder, description, {0, 1});
  auto const [d, h, w] = grid.shape();
  auto const zeros = at::zeros({1, 1, d, h, w});
  sink.write(0, {zeros, 0, nullptr});
  sink.write(1, {zeros + 1, 0.5, nullptr});
  sink.close_segment({1, zeros.unsqueeze(0), {0.5}, {}});
  return folder.xdmf(0);
}

/// Says what there is at 2.5 s, or 0.5 s, in each of the files.
constexpr char const* kLook = R"(
import sys
from paraview.simple import Xdmf3ReaderS
for name in sys.argv[1:]:
    reader = Xdmf3ReaderS(FileName=[name])
    print('times', list(reader.TimestepValues))
    reader.UpdatePipeline(2.5 if len(reader.TimestepValues) > 2 else 0.5)
    data = reader.GetClientSideObject().GetOutputDataObject(0)
    print(data.GetClassName(), data.GetDimensions(), 'bounds', [round(x, 6) for x in data.GetBounds()])
    of_frame, points = data.GetFieldData(), data.GetPointData()
    print(*(of_frame.GetArrayName(i) for i in range(of_frame.GetNumberOfArrays())))
    print('arrays', *(points.GetArrayName(i) for i in range(points.GetNumberOfArrays())))
    u, v = points.GetArray('u'), points.GetArray('v')
    # point 9 of (z, y, x) = (1, 6, 4): x = 1, y index 2 counted from below
    print('u %.7f' % u.GetValue(9), 'v %.7f %.7f %.7f' % v.GetTuple3(9) if v else '')
)";

TEST(RolloutXdmf, OpensInParaViewWithNamesUnitsAndTime) {
  ASSERT_EQ(std::system("command -v pvpython > /dev/null 2>&1"), 0)
      << "install paraview, or configure with -DEDDYLINE_PARAVIEW=OFF";
  auto const folder = write_rollout(fresh_folder("paraview"));
  auto const axis = [](char const* name, std::vector<double> coordinates) {
    return Axis{.name = name, .coordinates = std::move(coordinates)};
  };
  std::vector<double> const ten = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  auto const line = write_two_frames("paraview_line", Grid({axis("x", ten)}));
  auto const box = write_two_frames(
      "paraview_box", Grid({axis("z", {0, 1}), axis("y", {0, 2, 4}), axis("x", {0, 1, 2})}));
  auto const script = write_script(folder.path(), kLook);
  auto const text = output_of(concat("pvpython ",
                                     script.string(),
                                     " ",
                                     folder.xdmf(2).string(),
                                     " ",
                                     line.string(),
                                     " ",
                                     box.string()));
  auto const frame = frame_of(5, 2, 1)[0];
  std::array<char, 100> values{};
  snprintf(values.data(),
           values.size(),
           "u %.7f v %.7f %.7f %.7f",
           frame[2][0][1][3].item<float>(),
           frame[0][0][1][3].item<float>(),
           frame[1][0][1][3].item<float>(),
           0.0);
  EXPECT_EQ(text,
            concat("times [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]\n"
                   "vtkRectilinearGrid (4, 6, 1) bounds [0.0, 3.0, 0.1, 7.0, 0.0, 0.0]\n"
                   "units: v [m/s], u [K], time [s]\n"
                   "arrays v u\n",
                   values.data(),
                   "\n"
                   "times [0.0, 0.5]\n"
                   "vtkUniformGrid (10, 1, 1) bounds [0.0, 9.0, 0.0, 0.0, 0.0, 0.0]\n"
                   "units: u [K], time [s]\n"
                   "arrays u\n"
                   "u 1.0000000 \n"
                   "times [0.0, 0.5]\n"
                   "vtkUniformGrid (3, 3, 2) bounds [0.0, 2.0, 0.0, 4.0, 0.0, 1.0]\n"
                   "units: u [K], time [s]\n"
                   "arrays u\n"
                   "u 1.0000000 \n"));
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
