#include "data/formats/hdf5_array_store.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "core/error.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {
namespace {

constexpr size_t kOpenFiles = 32;
constexpr size_t kOpenArrays = 256;

class Hdf5Array final : public ArraySource {
 public:
  Hdf5Array(std::shared_ptr<Hdf5File> file, std::string const& name)
      : file_(std::move(file)), data_(file_->open_data_set(name)) {
    require(data_.holds_numbers(), describe(), " holds ", data_.type_name(), ", not numbers");
  }
  std::vector<int64_t> const& shape() const override { return data_.shape(); }
  int64_t element_bytes() const override { return data_.element_bytes(); }
  std::string type_name() const override { return data_.type_name(); }
  std::string describe() const override { return data_.place().describe(); }
  int64_t read(Hyperslab const& part, at::Tensor const& out) override {
    return data_.read(part, out);
  }

 private:
  std::shared_ptr<Hdf5File> file_;  // stays open as long as its data set
  Hdf5DataSet data_;
};

/// Text before and after the one `*` of a path.
std::pair<std::string, std::string> around_star(std::string const& name) {
  auto const star = name.find('*');
  return {name.substr(0, star), name.substr(star + 1)};
}

class Hdf5ArrayStore final : public ArrayStore {
 public:
  Hdf5ArrayStore(std::vector<std::filesystem::path> const& files,
                 std::vector<std::string> const& names)
      : files_(files) {
    auto const starred = std::find_if(
        names.begin(), names.end(), [](auto const& n) { return n.find('*') != n.npos; });
    for (size_t i = 0; i < files.size(); ++i) {
      if (starred == names.end()) {
        pieces_.push_back({i, ""});
        continue;
      }
      for (auto const& group : matching_groups(*opened(i), *starred)) {
        pieces_.push_back({i, group});
      }
    }
  }

  int64_t pieces() const override { return static_cast<int64_t>(pieces_.size()); }
  std::string piece_name(int64_t piece) const override {
    auto const& [file, group] = pieces_[static_cast<size_t>(piece)];
    return files_[file].filename().string() + (group.empty() ? "" : ", group " + group);
  }
  std::string folder(int64_t piece) const override {
    return files_[pieces_[static_cast<size_t>(piece)].file].parent_path().string();
  }
  std::vector<std::string> files() const override {
    std::vector<std::string> names;
    for (auto const& file : files_) {
      names.push_back(file.string());
    }
    return names;
  }
  std::shared_ptr<ArraySource> open(std::string const& data, int64_t piece) override {
    auto const& [file, group] = pieces_[static_cast<size_t>(piece)];
    auto name = data.substr(data.starts_with("/") ? 1 : 0);
    if (auto const star = name.find('*'); star != name.npos) {
      name.replace(star, 1, group);
    }
    auto const key = std::pair(file, name);
    if (auto const found = arrays_.find(key); found != arrays_.end()) {
      return found->second;
    }
    if (arrays_.size() >= kOpenArrays) {
      arrays_.clear();
    }
    return arrays_[key] = std::make_shared<Hdf5Array>(opened(file), name);
  }

 private:
  struct Piece {
    size_t file;
    std::string group;
  };

  std::shared_ptr<Hdf5File> opened(size_t number) {
    for (auto const& [known, file] : open_) {
      if (known == number) {
        return file;
      }
    }
    if (open_.size() == kOpenFiles) {
      open_.pop_front();
    }
    open_.emplace_back(number, std::make_shared<Hdf5File>(Hdf5File::open(files_[number])));
    return open_.back().second;
  }

  static std::vector<std::string> matching_groups(Hdf5File const& file, std::string const& name) {
    auto const [before, after] = around_star(name);
    auto const cut = before.find_last_of('/');
    auto const parent = cut == before.npos || cut == 0 ? "/" : before.substr(0, cut);
    auto const start = cut == before.npos ? before : before.substr(cut + 1);
    require(after.starts_with("/") && after.find('*') == after.npos,
            "array '",
            name,
            "': one * for a whole group's name or its end is allowed, as in '/*/u' or '/run_*/u'");
    std::vector<std::string> found;
    auto const groups = parent == "/" ? file.groups() : file.open_group(parent).groups();
    for (auto const& group : groups) {
      if (group.starts_with(start)) {
        found.push_back(group.substr(start.size()));
      }
    }
    require(!found.empty(), "'", file.place().file, "' has no group that fits '", name, "'");
    return found;
  }

  std::vector<std::filesystem::path> files_;
  std::vector<Piece> pieces_;
  std::deque<std::pair<size_t, std::shared_ptr<Hdf5File>>> open_;
  std::map<std::pair<size_t, std::string>, std::shared_ptr<ArraySource>> arrays_;
};

}  // namespace

std::unique_ptr<ArrayStore> open_hdf5_store(std::vector<std::filesystem::path> const& files,
                                            std::vector<std::string> const& names) {
  return std::make_unique<Hdf5ArrayStore>(files, names);
}

}  // namespace eddyline
