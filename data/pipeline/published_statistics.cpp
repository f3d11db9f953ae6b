#include "data/pipeline/published_statistics.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/formats/npz_file.hpp"
#include "data/formats/weather_variables.hpp"

namespace eddyline {
namespace {

constexpr char const* kPrecipitation = "total_precipitation";

/// A channel's array, by its own name or the long one of a short code.
NpyArray& array_for(NpzFile& file, std::string const& channel) {
  auto const name = file.has(channel) ? channel : long_variable_name(channel);
  require(file.has(name),
          "'",
          file.path().string(),
          "' has nothing for '",
          channel,
          "'",
          did_you_mean(channel, file.names()),
          "; use what is computed from the data instead of what is published");
  return file.array(name);
}

/// The numbers of the channels in one of the two files.
std::vector<double> numbers_in(NpzFile& file, std::vector<std::string> const& channels) {
  std::vector<double> numbers;
  for (auto const& channel : channels) {
    auto const values = read_whole(array_for(file, channel));
    require(values.size() == 1 && std::isfinite(values[0]),
            "'",
            channel,
            "' of '",
            file.path().string(),
            "' has ",
            values.size(),
            " numbers; one that is finite is expected");
    numbers.push_back(values[0]);
  }
  return numbers;
}

struct MomentsOfChannels {
  std::vector<double>&mean, &std, &rms;
};

void replace_moments(MomentsOfChannels const& moments,
                     std::vector<std::string> const& channels,
                     NpzFile& means,
                     NpzFile& deviations) {
  moments.mean = numbers_in(means, channels);
  moments.std = numbers_in(deviations, channels);
  for (size_t i = 0; i < channels.size(); ++i) {
    require(moments.std[i] > 0,
            "'",
            deviations.path().string(),
            "' says that '",
            channels[i],
            "' deviates by ",
            moments.std[i],
            "; a standard deviation is above 0");
    if (long_variable_name(channels[i]) == kPrecipitation) {
      moments.mean[i] = 0;
    }
    moments.rms[i] = std::hypot(moments.std[i], moments.mean[i]);
  }
}

}  // namespace

void use_published_statistics(Statistics& statistics, std::filesystem::path const& folder) {
  std::error_code ignored;
  for (auto const* name : {"normalize_mean.npz", "normalize_std.npz"}) {
    require(std::filesystem::is_regular_file(folder / name, ignored),
            "data.statistics is published, but '",
            folder.string(),
            "' has no ",
            name,
            ", as folders of ClimaX's shards have; set data.statistics=computed");
  }
  NpzFile means(folder / "normalize_mean.npz"), deviations(folder / "normalize_std.npz");
  replace_moments(
      {statistics.mean, statistics.std, statistics.rms}, statistics.channels, means, deviations);
  replace_moments({statistics.constant_mean, statistics.constant_std, statistics.constant_rms},
                  statistics.constant_channels,
                  means,
                  deviations);
}

at::Tensor published_climatology(std::filesystem::path const& folder,
                                 std::vector<std::string> const& channels,
                                 Grid const& grid,
                                 CellNumbers const& cells) {
  NpzFile file(folder / "train" / "climatology.npz");
  std::vector<int64_t> const expected = {1, grid.shape()[1], grid.shape()[2]};
  std::vector<at::Tensor> means;
  for (auto const& channel : channels) {
    auto& array = array_for(file, channel);
    require(array.shape() == expected,
            array.describe(),
            " has the shape (",
            array.shape(),
            "), the grid of its folder is (",
            expected,
            ")");
    means.push_back(read_cells(cells, [&](Box const& box) {
      Hyperslab const part{{0, box.first[1], box.first[2]}, {1, box.size[1], box.size[2]}, {}};
      auto const values = at::empty(part.count, at::kDouble);
      array.read(part, values);
      return values.to(at::kFloat);
    }));
  }
  return at::stack(means);
}

}  // namespace eddyline
