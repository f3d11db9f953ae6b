#include "data/formats/npz_file.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

constexpr char const* kEnding = ".npy";

}  // namespace

NpzFile::NpzFile(std::filesystem::path const& path, int64_t most_unpacked)
    : path_(path), most_unpacked_(most_unpacked), archive_(path), file_(path) {
  for (auto const& name : archive_.names()) {
    if (name.ends_with(kEnding)) {
      names_.push_back(name.substr(0, name.size() - 4));
    }
  }
  require(!names_.empty(), "'", path.string(), "' holds no npy array");
}

bool NpzFile::has(std::string const& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::string NpzFile::describe(std::string const& name) const {
  return concat("'", name, "' of '", path_.string(), "'");
}

NpyHeader NpzFile::header(std::string const& name) {
  require(
      has(name), "'", path_.string(), "' has no array '", name, "'", did_you_mean(name, names_));
  return with_context(
      [&] {
        auto const bytes = archive_.size_of(name + kEnding);
        auto const start = archive_.unpack(name + kEnding, std::min(bytes, kMostNpyHeader));
        return parse_npy_header({reinterpret_cast<char const*>(start.data()), start.size()});
      },
      "reading ",
      describe(name));
}

NpyArray& NpzFile::array(std::string const& name) {
  if (auto const found = held_.find(name); found != held_.end()) {
    return *found->second.array;
  }
  require(
      has(name), "'", path_.string(), "' has no array '", name, "'", did_you_mean(name, names_));
  return with_context(
      [&]() -> NpyArray& {
        auto const place = archive_.locate(name + kEnding);
        Held held;
        auto bytes = file_.bytes();
        // The file may have been cut since its directory was read.
        require(place.start + place.stored <= static_cast<int64_t>(bytes.size()),
                "it leaves the file: it is truncated");
        bytes = bytes.subspan(static_cast<size_t>(place.start), static_cast<size_t>(place.stored));
        if (place.is_deflated) {
          require(place.bytes <= most_unpacked_,
                  "it is compressed and unpacks to ",
                  place.bytes,
                  " bytes, more than the ",
                  most_unpacked_,
                  " that are kept; write it with numpy.savez, which does not compress");
          held.unpacked = archive_.unpack(name + kEnding, place.bytes);
          bytes = held.unpacked;
        }
        held.array = std::make_unique<NpyArray>(bytes, describe(name));
        unpacked_bytes_ += static_cast<int64_t>(held.unpacked.size());
        return *held_.emplace(name, std::move(held)).first->second.array;
      },
      "reading ",
      describe(name));
}

void NpzFile::forget_unpacked() {
  std::erase_if(held_, [](auto const& entry) { return !entry.second.unpacked.empty(); });
  unpacked_bytes_ = 0;
}

}  // namespace eddyline
