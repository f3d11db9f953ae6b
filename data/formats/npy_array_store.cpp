#include "data/formats/npy_array_store.hpp"

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "data/formats/file_list.hpp"
#include "data/formats/npy_file.hpp"

namespace eddyline {
namespace {

constexpr size_t kOpenArrays = 256;

class NpyArrayStore final : public ArrayStore {
 public:
  NpyArrayStore(std::filesystem::path folder, std::vector<std::string> const& names)
      : folder_(std::move(folder)) {
    for (auto const& name : names) {
      auto const files = list_files(folder_ / name, {".npy"});
      lists_[name] = files;
      if (name.find('*') == name.npos) {
        continue;
      }
      require(most_.empty() || lists_[most_].size() == files.size(),
              "'",
              name,
              "' means ",
              files.size(),
              " files, '",
              most_,
              "' ",
              lists_[most_].size(),
              " in '",
              folder_.string(),
              "'; they must be as many");
      most_ = name;
    }
    most_ = most_.empty() ? names.front() : most_;
  }

  int64_t pieces() const override { return static_cast<int64_t>(lists_.at(most_).size()); }
  std::string piece_name(int64_t piece) const override {
    return file(most_, piece).filename().string();
  }
  std::string folder(int64_t piece) const override {
    return file(most_, piece).parent_path().string();
  }
  std::vector<std::string> files() const override {
    std::vector<std::string> names;
    for (auto const& [name, files] : lists_) {
      for (auto const& path : files) {
        names.push_back(path.string());
      }
    }
    return names;
  }
  std::shared_ptr<ArraySource> open(std::string const& data, int64_t piece) override {
    auto const path = file(data, piece);
    if (auto const found = arrays_.find(path); found != arrays_.end()) {
      return found->second;
    }
    if (arrays_.size() >= kOpenArrays) {
      arrays_.clear();
    }
    return arrays_[path] = std::make_shared<NpyFile>(path);
  }

 private:
  /// A name without `*` is one file, the same for every piece.
  std::filesystem::path file(std::string const& name, int64_t piece) const {
    auto const& files = lists_.at(name);
    return files[files.size() == 1 ? 0 : static_cast<size_t>(piece)];
  }

  std::filesystem::path folder_;
  std::map<std::string, std::vector<std::filesystem::path>> lists_;
  std::string most_;  ///< the name that counts the pieces
  std::map<std::filesystem::path, std::shared_ptr<ArraySource>> arrays_;
};

}  // namespace

std::unique_ptr<ArrayStore> open_npy_store(std::filesystem::path const& folder,
                                           std::vector<std::string> const& names) {
  return std::make_unique<NpyArrayStore>(folder, names);
}

}  // namespace eddyline
