#include "workflows/run_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include <ATen/Parallel.h>
#include <torch/version.h>

#include "core/atomic_file.hpp"
#include "core/checksum.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/version.hpp"

namespace eddyline {
namespace {

constexpr int64_t kEnd = int64_t{1} << 20;  // bytes at each end of a file that enter its hash

std::string utc_now() {
  auto const now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// Checksum of size, time of modification and both ends of a file: cheap, and changes when the data
/// do.
std::string fingerprint(std::filesystem::path const& path, int64_t size, int64_t modified) {
  Checksum sum;
  sum.update(&size, sizeof size);
  sum.update(&modified, sizeof modified);
  std::ifstream in(path, std::ios::binary);
  std::vector<char> buffer(static_cast<size_t>(std::min(kEnd, size)));
  for (auto const place : {int64_t{0}, std::max<int64_t>(0, size - kEnd)}) {
    in.seekg(place);
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sum.update(buffer.data(), static_cast<size_t>(in.gcount()));
    in.clear();
  }
  return checksum_text(sum.value());
}

nlohmann::json describe_file(std::filesystem::path const& path) {
  std::error_code error;
  auto const size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  auto const time = std::filesystem::last_write_time(path, error);
  auto const modified =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return {{"path", std::filesystem::absolute(path, error).string()},
          {"bytes", size},
          {"hash", error ? std::string("unreadable") : fingerprint(path, size, modified)}};
}

/// Every file of `paths`, folders searched, in a fixed order.
nlohmann::json describe_data(std::vector<std::filesystem::path> const& paths) {
  std::vector<std::filesystem::path> files;
  for (auto const& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    for (auto const& entry : std::filesystem::recursive_directory_iterator(path, error)) {
      if (entry.is_regular_file(error)) {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  auto list = nlohmann::json::array();
  for (auto const& file : files) {
    list.push_back(describe_file(file));
  }
  return list;
}

nlohmann::json read_json(std::filesystem::path const& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
}

void prepare(std::filesystem::path const& path, Existing existing) {
  std::error_code error;
  bool const is_there =
      std::filesystem::exists(path, error) && !std::filesystem::is_empty(path, error);
  if (is_there && existing == Existing::resume) {
    require(
        std::filesystem::exists(path / "manifest.json", error),
        "'",
        path.string(),
        "' holds files but no manifest.json, so there is no run to resume in it; choose another "
        "run.name");
    return;
  }
  if (is_there) {
    require(existing == Existing::overwrite,
            "the run folder '",
            path.string(),
            "' is there already; go on with --resume, replace it with --overwrite, or choose "
            "another run.name");
    require(std::filesystem::exists(path / "manifest.json", error),
            "'",
            path.string(),
            "' holds files but no manifest.json, so it was not made by a run; --overwrite will not "
            "empty it: remove it by "
            "hand or choose another run.name");
    std::filesystem::remove_all(path, error);
    expect_machine(
        !error, "could not empty the run folder '", path.string(), "': ", error.message());
  }
  std::filesystem::create_directories(path, error);
  expect_machine(!error, "could not make the run folder '", path.string(), "': ", error.message());
}

}  // namespace

RunFolder::RunFolder(std::filesystem::path path, Existing existing, Communicator const& ranks)
    : path_(std::move(path)) {
  require(!path_.empty(), "the run has no folder; set run.name");
  ranks.together([&] {
    if (ranks.is_root()) {
      prepare(path_, existing);
    }
  });
}

nlohmann::json describe_run(Manifest const& manifest, Communicator const& ranks) {
  auto hosts = ranks.all_gather(host_name());
  nlohmann::json json = {{"verb", manifest.verb},
                         {"arguments", manifest.arguments},
                         {"seeds", manifest.seeds},
                         {"version", version().number},
                         {"commit", version().commit},
                         {"compiler", version().compiler},
                         {"libtorch", TORCH_VERSION},
                         {"started", utc_now()},
                         {"ranks", ranks.size()},
                         {"hosts", hosts},
                         {"threads", at::get_num_threads()}};
  if (ranks.is_root()) {
    json["data"] = describe_data(manifest.data);
  }
  return json;
}

void write_manifest(std::filesystem::path const& file,
                    Manifest const& manifest,
                    Communicator const& ranks) {
  auto const now = describe_run(manifest, ranks);
  ranks.together([&] {
    if (!ranks.is_root()) {
      return;
    }
    auto json = read_json(file);
    if (!json.is_object() || !json.contains("starts") || !json["starts"].is_array()) {
      json = now;
      json["starts"] = nlohmann::json::array();
    }
    json["starts"].push_back({{"started", now["started"]},
                              {"commit", now["commit"]},
                              {"ranks", now["ranks"]},
                              {"hosts", now["hosts"]},
                              {"threads", now["threads"]},
                              {"arguments", now["arguments"]}});
    write_text(file, json.dump(2) + "\n");
  });
}

std::filesystem::path run_folder_of(std::filesystem::path const& file) {
  auto const folder =
      file.has_parent_path() ? file.parent_path() : std::filesystem::absolute(file).parent_path();
  bool const is_inside = folder.filename() == "checkpoints" || folder.filename() == "adapters";
  return is_inside ? folder.parent_path() : folder;
}

RunFiles RunFiles::in(std::filesystem::path const& folder) {
  return {folder / "config.yaml", folder / "manifest.json", folder / "log.txt"};
}

RunFiles RunFiles::beside(std::filesystem::path const& file) {
  auto const stem = file.extension() == ".json" ? file.stem() : file.filename();
  auto const named = [&](char const* suffix) {
    return file.parent_path() / (stem.string() + suffix);
  };
  return {named(".config.yaml"), named(".manifest.json"), named(".log.txt")};
}

void begin_record(RunFiles const& files,
                  std::string const& config,
                  Manifest const& manifest,
                  Existing existing,
                  Communicator const& ranks) {
  ranks.together([&] {
    if (ranks.is_root()) {
      if (existing != Existing::resume) {
        std::error_code missing;
        std::filesystem::remove(files.manifest, missing);
        std::filesystem::remove(files.log, missing);
      }
      write_text(files.config, config);
      attach_log_file(files.log);
    }
  });
  write_manifest(files.manifest, manifest, ranks);
}

}  // namespace eddyline
