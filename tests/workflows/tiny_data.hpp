// A small grid, what lies on it, and a folder for a test's files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/batch.hpp"
#include "tests/core/shared_folder.hpp"

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

using Folder = SharedFolder;

}  // namespace eddyline::tiny
