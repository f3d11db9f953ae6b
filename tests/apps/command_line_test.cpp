#include "apps/command_line.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

struct TrainConfig {
  int64_t batch = 8;
  std::string data = "a.h5";
  template <class Visitor>
  void visit(Visitor&& v) {
    v("batch", batch, "samples a step, over all ranks");
    v("data", data, "what to train on");
  }
};

VerbUsage const kTrain = {.name = "train",
                          .description = "Trains.",
                          .example = "eddyline train a.yaml",
                          .modes = {RunMode::resume, RunMode::overwrite}};
VerbUsage const kScore = {.name = "score", .description = "Scores.", .modes = {RunMode::overwrite}};
VerbUsage const kInspect = {.name = "inspect",
                            .description = "Inspects.",
                            .operands = {"FILE"},
                            .flags = {{"--suggest", "print a map to start from"}}};

std::string message_of(std::vector<std::string> const& arguments, VerbUsage const& usage) {
  try {
    sort_words(arguments, usage);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(CommandLine, SortsConfigurationOverridesAndFlags) {
  auto const words = sort_words({"run.yaml", "batch=4", "data=/a=b/c.h5", "--resume"}, kTrain);
  EXPECT_EQ(words.config_file, "run.yaml");
  EXPECT_EQ(words.overrides, (std::vector<std::string>{"batch=4", "data=/a=b/c.h5"}));
  EXPECT_EQ(words.mode, RunMode::resume);
  EXPECT_EQ(words.wish, Words::Wish::run);
}

TEST(CommandLine, TakesTheOperandsThatTheVerbNames) {
  auto const words = sort_words({"/data/x=1/file.h5", "--suggest"}, kInspect);
  EXPECT_EQ(words.operands, (std::vector<std::string>{"/data/x=1/file.h5"}));
  EXPECT_TRUE(words.has("--suggest"));
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message_of({"--overwirte"}, kTrain),
              HasSubstr("'eddyline train' has no flag --overwirte; did you mean '--overwrite'?"));
  EXPECT_THAT(
      message_of({"word"}, kTrain),
      HasSubstr("does not know what to do with 'word'; it takes [CONFIG.yaml] [key.sub=value …]"));
  EXPECT_THAT(message_of({"a.h5", "b.h5"}, kInspect),
              HasSubstr("'b.h5'; it takes [CONFIG.yaml] [key.sub=value …] and FILE"));
  EXPECT_THAT(message_of({"--resume", "--overwrite"}, kTrain), HasSubstr("exclude each other"));
  EXPECT_THAT(message_of({"a.yaml", "b.yaml"}, kTrain), HasSubstr("'b.yaml'"));
}

TEST(CommandLine, TakesAndListsResumeAndOverwriteWhereTheVerbDoes) {
  EXPECT_EQ(sort_words({"--overwrite"}, kScore).mode, RunMode::overwrite);
  EXPECT_THAT(message_of({"--resume"}, kScore),
              HasSubstr("score cannot resume: it does its work in one go; run it again with "
                        "--overwrite"));
  EXPECT_THAT(message_of({"--overwrite"}, kInspect),
              HasSubstr("'eddyline inspect' has no flag --overwrite"));
  auto const help = [](VerbUsage const& usage) {
    testing::internal::CaptureStdout();
    print_usage(usage, "", Communicator::self());
    return testing::internal::GetCapturedStdout();
  };
  EXPECT_THAT(help(kTrain), testing::AllOf(HasSubstr("--resume "), HasSubstr("--overwrite ")));
  EXPECT_THAT(help(kScore),
              testing::AllOf(testing::Not(HasSubstr("--resume")), HasSubstr("--overwrite ")));
  EXPECT_THAT(help(kInspect), testing::Not(HasSubstr("--overwrite")));
}

TEST(CommandLine, AllRanksGetDefaultsThenFileThenOverrides) {
  auto const world = Communicator::world();
  TemporaryFolder const folder;
  auto const path = world.broadcast((folder.path() / "run.yaml").string());
  if (world.is_root()) {
    write_text(path, "batch: 3\ndata: b.h5\n");
  }
  auto const line = parse_command_line<TrainConfig>({path, "batch=5"}, kTrain, world);
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->config.batch, 5);
  EXPECT_EQ(line->config.data, "b.h5");
  EXPECT_EQ(line->config_file, path);
}

TEST(CommandLine, AMissingFileIsTheSameErrorOnAllRanks) {
  try {
    parse_command_line<TrainConfig>({"/nowhere/run.yaml"}, kTrain, Communicator::world());
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no file '/nowhere/run.yaml'"));
    EXPECT_EQ(error.spread(), Spread::all_ranks);
  }
}

TEST(CommandLine, HelpAndPrintConfigLeaveNothingToDo) {
  auto const world = Communicator::world();
  testing::internal::CaptureStdout();
  EXPECT_FALSE(parse_command_line<TrainConfig>({"--help"}, kTrain, world).has_value());
  EXPECT_FALSE(
      parse_command_line<TrainConfig>({"--print-config", "batch=9"}, kTrain, world).has_value());
  auto const text = testing::internal::GetCapturedStdout();
  if (world.is_root()) {
    EXPECT_THAT(text, HasSubstr("usage: eddyline train [CONFIG.yaml]"));
    EXPECT_THAT(text, HasSubstr("samples a step, over all ranks"));
    EXPECT_THAT(text, HasSubstr("batch: 9"));
  } else {
    EXPECT_EQ(text, "");
  }
}

}  // namespace
}  // namespace eddyline
