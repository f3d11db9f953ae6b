#include "workflows/training/metrics_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace eddyline {

MetricsTable::MetricsTable(std::filesystem::path path,
                           std::vector<std::string> columns,
                           int64_t last_step)
    : path_(std::move(path)), columns_(std::move(columns)) {
  auto header = std::string("step");
  for (auto const& column : columns_) {
    header += "," + column;
  }
  auto kept = header + "\n";
  std::ifstream existing(path_);
  std::string line;
  if (std::getline(existing, line)) {
    require(line == header,
            "'",
            path_.string(),
            "' has the columns '",
            line,
            "', not '",
            header,
            "'; it belongs to another run: choose another run.name or --overwrite");
    while (std::getline(existing, line)) {
      if (std::strtoll(line.c_str(), nullptr, 10) <= last_step) {
        kept += line + "\n";
      }
    }
  }
  write_text(path_, kept);
}

void MetricsTable::add(int64_t step, std::map<std::string, double> const& values) {
  auto row = std::to_string(step);
  size_t used = 0;
  for (auto const& column : columns_) {
    auto const found = values.find(column);
    row += found == values.end() ? std::string(",") : fmt::format(",{:.9g}", found->second);
    used += found == values.end() ? 0 : 1;
  }
  EDDYLINE_ENSURE(used == values.size(), "a row of '", path_.string(), "' has an unknown column");
  std::ofstream out(path_, std::ios::app);
  out << row + "\n";
  out.flush();
  expect_machine(out.good(), "could not add a row to '", path_.string(), "'");
}

}  // namespace eddyline
