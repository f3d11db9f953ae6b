// A small grid, what lies on it, and a folder for a test's files.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/batch.hpp"

namespace eddyline::tiny {

inline Grid grid(int64_t height = 4, int64_t width = 4) {
  auto const axis = [](char const* name, int64_t size) {
    Axis result{.name = name, .boundaries = {Boundary::periodic, Boundary::periodic}};
    result.coordinates.resize(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i) {
      result.coordinates[static_cast<size_t>(i)] = static_cast<double>(i);
    }
    return result;
  };
  return Grid({axis("x", height), axis("y", width)});
}

inline std::shared_ptr<BatchSpec> spec(int64_t channels = 2) {
  auto result = std::make_shared<BatchSpec>();
  std::vector<Field> fields;
  for (int64_t c = 0; c < channels; ++c) {
    fields.push_back({.name = std::string(1, static_cast<char>('a' + c)), .units = "m"});
  }
  result->dataset = "tiny";
  result->input_fields = FieldSet(fields);
  result->output_fields = FieldSet(fields);
  result->input_grid = grid();
  result->output_grid = grid();
  result->time_unit = "s";
  return result;
}

/// A folder of its own for a test, the same on all ranks, removed at the end.
class Folder {
 public:
  explicit Folder(Communicator const& ranks) : ranks_(ranks) {
    path_ = ranks.broadcast(
        (std::filesystem::temp_directory_path() / ("eddyline-training-" + std::to_string(getpid())))
            .string());
    if (ranks.is_root()) {
      std::filesystem::remove_all(path_);
      std::filesystem::create_directories(path_);
    }
    ranks.barrier();
  }
  ~Folder() {
    ranks_.barrier();
    if (ranks_.is_root()) {
      std::error_code error;
      std::filesystem::remove_all(path_, error);
    }
  }
  std::filesystem::path const& path() const { return path_; }
  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  Communicator const& ranks_;
  std::filesystem::path path_;
};

}  // namespace eddyline::tiny
