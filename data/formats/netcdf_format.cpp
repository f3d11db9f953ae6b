#include "data/formats/netcdf_format.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/config.hpp"
#include "core/error.hpp"
#include "data/formats/file_list.hpp"
#include "data/formats/netcdf_classic.hpp"
#include "data/formats/netcdf_reader.hpp"

namespace eddyline {

template <>
struct EnumNames<Levels> {
  static constexpr auto names = std::to_array<std::pair<Levels, char const*>>(
      {{Levels::fields, "fields"}, {Levels::axis, "axis"}});
};

namespace {

std::vector<std::string> const kEndings = {".nc", ".nc4", ".cdf", ".netcdf"};

struct NetcdfMap {
  Levels levels = Levels::fields;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("levels",
      levels,
      "levels of a variable: fields of their own (u_500) or the first axis of a 3-D grid");
  }
};

}  // namespace

bool recognises_netcdf(std::filesystem::path const& path) {
  try {
    auto const file = list_files(path, kEndings).front();
    auto const ending = file.extension().string();
    auto const kind = netcdf_kind(file);
    bool const named = std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
    return kind == NetcdfKind::hdf5 ? named : kind != NetcdfKind::none;
  } catch (Error const&) {
    return false;
  }
}

std::unique_ptr<Reader> open_netcdf_format(OpenRequest const& request) {
  require(request.split == "all",
          "netCDF data have no split '",
          request.split,
          "' of their own; divide the series with data.splits");
  auto const map = parse_config<NetcdfMap>(request.map.empty() ? "{}" : request.map, "data.map");
  return open_netcdf({.path = request.path, .fields = request.fields, .levels = map.levels});
}

}  // namespace eddyline
