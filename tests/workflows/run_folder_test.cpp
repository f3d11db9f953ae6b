#include "workflows/run_folder.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "tests/core/shared_folder.hpp"

namespace eddyline {
namespace {

std::string refusal(std::filesystem::path const& path,
                    Existing existing,
                    Communicator const& ranks) {
  try {
    RunFolder const folder(path, existing, ranks);
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

nlohmann::json read(std::filesystem::path const& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

TEST(RunFolder, IsFoundFromACheckpointOrAnAdapter) {
  EXPECT_EQ(run_folder_of("runs/a/checkpoints/best.h5"), "runs/a");
  EXPECT_EQ(run_folder_of("runs/a/adapters/last.h5"), "runs/a");
  EXPECT_EQ(run_folder_of("elsewhere/model.h5"), "elsewhere");
  EXPECT_EQ(run_folder_of("model.h5"), std::filesystem::current_path());
}

TEST(RunFolder, IsNeverTouchedWithoutBeingAsked) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  RunFolder const folder(place / "a", Existing::refuse, world);
  write_manifest(folder.manifest(), {.verb = "train"}, world);
  auto const message = refusal(place / "a", Existing::refuse, world);
  EXPECT_NE(message.find("is there already; go on with --resume, replace it with --overwrite"),
            std::string::npos)
      << message;
  EXPECT_TRUE(std::filesystem::exists(folder.manifest()));
}

TEST(RunFolder, IsEmptiedByOverwriteOnlyIfARunMadeIt) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  RunFolder const folder(place / "a", Existing::refuse, world);
  if (world.is_root()) {
    std::ofstream(folder.path() / "thesis.txt") << "precious";
  }
  world.barrier();
  EXPECT_NE(refusal(place / "a", Existing::overwrite, world).find("no manifest.json"),
            std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "thesis.txt"));
  world.barrier();
  write_manifest(folder.manifest(), {.verb = "train"}, world);
  EXPECT_EQ(refusal(place / "a", Existing::overwrite, world), "");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "thesis.txt"));
}

TEST(RunFolder, BeginsWhereThereIsNothingToResume) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  EXPECT_EQ(refusal(place / "a", Existing::resume, world), "");
  EXPECT_TRUE(std::filesystem::is_directory(place / "a"));
}

TEST(RunFolder, DoesNotResumeInAFolderOfSomethingElse) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  if (world.is_root()) {
    std::filesystem::create_directories(place / "a");
    std::ofstream(place / "a/thesis.txt") << "precious";
  }
  world.barrier();
  EXPECT_NE(refusal(place / "a", Existing::resume, world).find("there is no run to resume in it"),
            std::string::npos);
}

TEST(Manifest, HoldsBuildHostsSeedsAndDataAndEveryStart) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  RunFolder const folder(place / "a", Existing::refuse, world);
  if (world.is_root()) {
    std::ofstream(place / "data.bin") << "1234567";
  }
  world.barrier();
  Manifest const manifest{.verb = "train",
                          .arguments = {"x.yaml"},
                          .data = {place / "data.bin"},
                          .seeds = {{"train", 4}}};
  write_manifest(folder.manifest(), manifest, world);
  write_manifest(folder.manifest(), manifest, world);
  auto const json = read(folder.manifest());
  EXPECT_EQ(json["ranks"], world.size());
  EXPECT_EQ(json["hosts"].size(), static_cast<size_t>(world.size()));
  EXPECT_EQ(json["seeds"]["train"], 4);
  EXPECT_EQ(json["data"][0]["bytes"], 7);
  EXPECT_EQ(json["data"][0]["hash"].get<std::string>().size(), 16U);
  EXPECT_FALSE(json["commit"].get<std::string>().empty());
  EXPECT_EQ(json["starts"].size(), 2U);
}

TEST(RunFiles, LieInAFolderOrBesideAFile) {
  EXPECT_EQ(RunFiles::in("a/b").log, "a/b/log.txt");
  EXPECT_EQ(RunFiles::beside("a/evaluation.json").config, "a/evaluation.config.yaml");
  EXPECT_EQ(RunFiles::beside("b.json").manifest, "b.manifest.json");
  EXPECT_EQ(RunFiles::beside("scores.3").log, "scores.3.log.txt");
}

TEST(RunFiles, AreAddedToByAResumedRunOnly) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  auto const files = RunFiles::in(place.path());
  auto const begin = [&](Existing existing, std::string const& line) {
    begin_record(files, "steps: 1\n", {.verb = "rollout"}, existing, world);
    log_line(line);
    detach_log_file();
    world.barrier();
    return std::pair(read(files.manifest)["starts"].size(), read_text(files.log, 10000));
  };
  begin(Existing::refuse, "one");
  auto const resumed = begin(Existing::resume, "two");
  EXPECT_EQ(resumed.first, 2U);
  EXPECT_NE(resumed.second.find("one"), std::string::npos);
  world.barrier();
  auto const anew = begin(Existing::overwrite, "three");
  EXPECT_EQ(anew.first, 1U);
  EXPECT_EQ(anew.second.find("one"), std::string::npos) << anew.second;
  EXPECT_EQ(read_text(files.config, 100), "steps: 1\n");
}

TEST(Manifest, TellsChangedDataByTheirHash) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  auto const hash_of = [&](std::string const& content) {
    if (world.is_root()) {
      std::ofstream(place / "data.bin") << content;
    }
    world.barrier();
    auto const json = describe_run({.data = {place / "data.bin"}}, world);
    return world.is_root() ? json["data"][0]["hash"].get<std::string>() : std::string();
  };
  auto const first = hash_of("aaaa");
  auto const second = hash_of("aaab");
  if (world.is_root()) {
    EXPECT_NE(first, second);
  }
}

}  // namespace
}  // namespace eddyline
