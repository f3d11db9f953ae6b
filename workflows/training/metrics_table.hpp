#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace eddyline {

/// metrics.csv: one row a log interval or validation, empty where a column has no value. Rows
/// appear whole (one write each). Only rank 0 makes one.
class MetricsTable {
 public:
  /// Continues a table that is there: rows after `last_step` are dropped, since a resumed run makes
  /// them again. \throw Error if its columns are others; Failure if it cannot be written
  MetricsTable(std::filesystem::path path, std::vector<std::string> columns, int64_t last_step);

  /// Adds a row. \throw Bug on an unknown column
  void add(int64_t step, std::map<std::string, double> const& values);

 private:
  std::filesystem::path path_;
  std::vector<std::string> columns_;
};

}  // namespace eddyline
