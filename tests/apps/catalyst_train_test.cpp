// `catalyst:` of a training, as a user has it, and what becomes of a run whose ranks do not fail
// alike.
#include <gmock/gmock.h>

#include <ATen/ATen.h>

#include "tests/apps/process.hpp"
#include "tests/apps/train_program.hpp"

namespace eddyline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Writes down what each rank gets, in a file of its own.
constexpr char const* kTeller = R"(# script-version: 2.0
from paraview.simple import *
from paraview import catalyst
from vtkmodules.vtkParallelCore import vtkMultiProcessController
rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
notes = open(catalyst.get_args()[0] + '.%d' % rank, 'w')
source = TrivialProducer(registrationName='input')
options = catalyst.Options()

def catalyst_execute(info):
    source.UpdatePipeline()
    data = source.GetClientSideObject().GetOutputDataObject(0)
    arrays = data.GetPointData()
    names = [arrays.GetArrayName(i) for i in range(arrays.GetNumberOfArrays())]
    print(info.timestep, info.time, data.GetFieldData().GetAbstractArray('time unit').GetValue(0),
          data.GetDimensions(), *names, file=notes, flush=True)
)";

/// A training with all that could be disturbed: dropout, noise of the order, an average.
class CatalystProgramTraining : public TrainProgram {
 protected:
  CatalystProgramTraining() {
    std::ofstream(folder_ / "teller.py") << kTeller;
    told_ = "catalyst.every=4 catalyst.script=" + (folder_ / "teller.py").string() +
            " 'catalyst.arguments=[" + (folder_ / "notes").string() + "]' ";
  }
  void train(std::string const& name, std::string const& more, int ranks = 1) {
    ASSERT_EQ(run("run.name=" + name +
                      " train.steps=8 train.log_every=1 train.ema.decay=0.9 model.dropout=0.1 "
                      "train.checkpoint.every_steps=4 train.validate.every_epochs=1 " +
                      more,
                  ranks),
              0)
        << read(output());
  }
  /// Loss, rate, gradient and validation of each step: metrics.csv without speeds.
  std::vector<std::string> learned(std::string const& name) const {
    std::ifstream table(folder_ / ("runs/" + name + "/metrics.csv"));
    std::vector<std::string> header, rows;
    for (std::string line; std::getline(table, line);) {
      std::istringstream cells(line);
      std::string row;
      size_t place = 0;
      for (std::string cell; std::getline(cells, cell, ','); ++place) {
        if (rows.empty()) {
          header.push_back(cell);
        }
        if (!header[place].ends_with("_share") && !header[place].ends_with("_second")) {
          row += cell + " ";
        }
      }
      rows.push_back(row);
    }
    return rows;
  }
  void expect_same(std::string const& one, std::string const& other) const {
    EXPECT_EQ(learned(one), learned(other));
    auto const left = last(one);
    auto const right = last(other);
    ASSERT_EQ(left.tensors.size(), right.tensors.size());
    for (auto const& [name, tensor] : left.tensors) {
      EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;
    }
    EXPECT_EQ(left.facts["training"], right.facts["training"]);
  }
  /// What the script wrote down on a rank.
  std::string seen(int rank = 0) const { return read(folder_ / concat("notes.", rank)); }
  static std::string shown_at(std::vector<int> const& steps, std::string const& points) {
    std::string lines;
    for (auto const step : steps) {
      lines += concat(step,
                      " ",
                      step,
                      ".0 training steps ",
                      points,
                      " concentration concentration_truth concentration_error\n");
    }
    return lines;
  }

  std::string told_;
};

TEST_F(CatalystProgramTraining, DrawsTruthPredictionAndErrorWithoutBeingDisturbed) {
  train("alone", "");
  environment_ = "xvfb-run -a -s '-screen 0 1280x1024x24 -noreset' ";
  std::string const panel = "catalyst.every=4 catalyst.steps=2 catalyst.script=panel ";
  train("watched", panel + "train.steps=6");
  EXPECT_THAT(read(output()),
              AllOf(Not(HasSubstr("warning")),
                    HasSubstr("in situ "),
                    HasSubstr(" % of the run: 2 frames in ")));
  // It goes on being shown at the same steps, here with another range of colours.
  train("watched", panel + "'catalyst.arguments=[--error-range, \"0.5\"]' --resume");
  EXPECT_THAT(read(output()), HasSubstr(" % of the run: 1 frames in "));
  expect_same("watched", "alone");
  auto const picture = [&](char const* step) {
    return read(folder_ / concat("runs/watched/catalyst/panel_", step, ".png"));
  };
  constexpr size_t kBlank = 10000;  // bytes: a picture of one colour is smaller
  for (auto const* const step : {"000000", "000004", "000008"}) {
    EXPECT_GT(picture(step).size(), kBlank) << step;
  }
  EXPECT_NE(picture("000000"), picture("000004")) << "the network has learned";
}

TEST_F(CatalystProgramTraining, IsShownByTheRanksOfOneSample) {
  std::string const mesh = "model.dropout=0 'parallel.domain=[1, 1, 2]' ";
  train("watched", mesh + told_, 4);
  // 24 points by patches of 8: 16 on one rank, 8 on the other, which share a layer of points.
  EXPECT_EQ(seen(0), shown_at({0, 4, 8}, "(32, 17, 1)"));
  EXPECT_EQ(seen(1), shown_at({0, 4, 8}, "(32, 8, 1)"));
  EXPECT_EQ(seen(2), "") << "the ranks of another sample show none";
}

TEST_F(CatalystProgramTraining, EndsOnAllRanksIfItsScriptFailsAndMust) {
  std::ofstream(folder_ / "teller.py") << "# script-version: 2.0\n"
                                          "from paraview import catalyst\n"
                                          "options = catalyst.Options()\n"
                                          "def catalyst_execute(info):\n"
                                          "    if info.timestep > 0:\n"
                                          "        raise ValueError('there is no vorticity')\n";
  EXPECT_EQ(run("train.steps=8 catalyst.on_error=stop " + told_, 2), 1);
  EXPECT_THAT(read(output()),
              AllOf(HasSubstr("error: ParaView could not show the run: ValueError: there is no "
                              "vorticity (line 6 of "),
                    HasSubstr("; catalyst.on_error is stop"),
                    HasSubstr("while showing the weights of step 4"),
                    Not(HasSubstr("the other ranks are ended"))));
}

TEST_F(CatalystProgramTraining, RefusesFieldsThatItDoesNotHave) {
  EXPECT_EQ(run("catalyst.fields=[density] " + told_), 2);
  EXPECT_THAT(read(output()),
              AllOf(HasSubstr("there is no field 'density'; "),
                    HasSubstr("known: concentration, concentration_truth, concentration_error"),
                    HasSubstr("while reading catalyst.fields")));
}

}  // namespace
}  // namespace eddyline
