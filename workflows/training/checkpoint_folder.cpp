#include "workflows/training/checkpoint_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace eddyline {
CheckpointFolder::CheckpointFolder(std::filesystem::path folder, int64_t keep)
    : folder_(std::move(folder)), keep_(keep) {}

std::filesystem::path CheckpointFolder::file(int64_t step) const {
  return folder_ / fmt::format("step-{:08}.h5", step);
}

std::vector<int64_t> CheckpointFolder::steps() const {
  std::vector<int64_t> steps;
  std::error_code error;
  for (auto const& entry : std::filesystem::directory_iterator(folder_, error)) {
    auto const name = entry.path().filename().string();
    int64_t step = 0;
    if (name.starts_with("step-") && name.ends_with(".h5") &&
        std::from_chars(name.data() + 5, name.data() + name.size() - 3, step).ptr ==
            name.data() + name.size() - 3) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

void CheckpointFolder::write(int64_t step,
                             NativeCheckpoint const& checkpoint,
                             Standing standing) const {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  expect_machine(!error, "could not make the folder '", folder_.string(), "': ", error.message());
  write_native(file(step), checkpoint);
  auto const name = file(step).filename().string();
  if (standing == Standing::best) {
    replace_link(name, best());
  }
  replace_link(name, last());
  remove_old();
}

void CheckpointFolder::remove_old() const {
  auto const all = steps();
  std::error_code error;
  for (auto const& entry : std::filesystem::directory_iterator(folder_, error)) {
    auto const name = entry.path().filename().string();
    if (name.starts_with("step-") && name.ends_with(".tmp")) {
      std::filesystem::remove(entry.path(), error);
    }
  }
  auto const best_file = std::filesystem::read_symlink(best(), error).filename().string();
  for (size_t i = 0; i + static_cast<size_t>(keep_) < all.size(); ++i) {
    if (file(all[i]).filename().string() != best_file) {
      std::filesystem::remove(file(all[i]), error);  // a file that stays does no harm
    }
  }
}

void CheckpointFolder::save(int64_t step,
                            NativeCheckpoint const& checkpoint,
                            Standing standing,
                            Communicator const& ranks) {
  ranks.together([&] {
    if (ranks.is_root()) {
      with_context(
          [&] { write(step, checkpoint, standing); }, "writing the checkpoint of step ", step);
    }
  });
}

}  // namespace eddyline
