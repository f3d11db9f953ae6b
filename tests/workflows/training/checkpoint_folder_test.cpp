#include "workflows/training/checkpoint_folder.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

NativeCheckpoint checkpoint(double value) {
  NativeCheckpoint result;
  result.tensors["model/w"] = at::full({3}, value);
  return result;
}

TEST(CheckpointFolder, KeepsTheNewestAndTheBest) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  CheckpointFolder checkpoints(folder.path(), 2);
  for (int64_t step = 1; step <= 6; ++step) {
    checkpoints.save(step,
                     checkpoint(static_cast<double>(step)),
                     step == 2 ? Standing::best : Standing::ordinary,
                     world);
  }
  EXPECT_EQ(checkpoints.steps(), (std::vector<int64_t>{2, 5, 6}));
  EXPECT_EQ(read_native(checkpoints.best()).tensors.at("model/w")[0].item<double>(), 2);
  EXPECT_EQ(read_native(checkpoints.last()).tensors.at("model/w")[0].item<double>(), 6);
  EXPECT_TRUE(std::filesystem::is_symlink(checkpoints.last()));
}

TEST(CheckpointFolder, RemovesWhatAKilledWriteLeft) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto const left = AtomicFile::temporary_name(folder / "step-00000003.h5");
  if (world.is_root()) {
    std::ofstream(left) << "half";
  }
  world.barrier();
  CheckpointFolder checkpoints(folder.path(), 2);
  checkpoints.save(4, checkpoint(1), Standing::ordinary, world);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_EQ(checkpoints.steps(), (std::vector<int64_t>{4}));
}

TEST(CheckpointFolder, TellsAllRanksWhenTheDiskRefuses) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  if (world.is_root()) {
    std::ofstream(folder / "file") << "no folder";
  }
  world.barrier();
  CheckpointFolder checkpoints(folder / "file", 2);
  try {
    checkpoints.save(1, checkpoint(1), Standing::ordinary, world);
    FAIL() << "not refused";
  } catch (Failure const& error) {
    EXPECT_NE(std::string(error.what()).find("while writing the checkpoint of step 1"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace eddyline
