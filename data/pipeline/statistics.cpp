#include "data/pipeline/statistics.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

using nlohmann::json;

/// The lists of a Statistics with one entry a channel, by their key.
template <class S, class Visit>
void for_each_list(S& statistics, Visit visit) {
  visit("mean", statistics.mean);
  visit("std", statistics.std);
  visit("rms", statistics.rms);
  visit("mean_delta", statistics.mean_delta);
  visit("std_delta", statistics.std_delta);
  visit("rms_delta", statistics.rms_delta);
  visit("count", statistics.count);
  visit("count_delta", statistics.count_delta);
}

template <class S, class Visit>
void for_each_constant_list(S& statistics, Visit visit) {
  visit("constant_mean", statistics.constant_mean);
  visit("constant_std", statistics.constant_std);
  visit("constant_rms", statistics.constant_rms);
}

struct MomentLists {
  std::vector<double>& mean;
  std::vector<double>& std;
  std::vector<double>& rms;
};

/// Pools entries [first, first + count) of mean, std, rms, each weighed by its number of values.
void pool(MomentLists const& moments,
          std::vector<double> const& values,
          size_t first,
          size_t count) {
  auto& [mean, std, rms] = moments;
  double all = 0, sum = 0, square = 0;
  for (size_t i = first; i < first + count; ++i) {
    all += values[i];
    sum += values[i] * mean[i];
  }
  auto const pooled_mean = all > 0 ? sum / all : 0;
  for (size_t i = first; i < first + count; ++i) {
    auto const off = mean[i] - pooled_mean;
    square += values[i] * (std[i] * std[i] + off * off);
  }
  auto const variance = all > 0 ? square / all : 0;
  for (size_t i = first; i < first + count; ++i) {
    mean[i] = pooled_mean;
    std[i] = std::sqrt(variance);
    rms[i] = std::sqrt(variance + pooled_mean * pooled_mean);
  }
}

/// The entry of a data set, or the only one.
std::pair<std::string, json> entry_of(json const& all, std::string const& dataset) {
  auto const& sets = all.get_ref<json::object_t const&>();
  if (sets.size() == 1) {
    return *sets.begin();
  }
  std::vector<std::string> names;
  for (auto const& [name, item] : sets) {
    names.push_back(name);
  }
  auto const found = sets.find(dataset);
  require(found != sets.end(),
          "there are no statistics of data set '",
          dataset,
          "'",
          did_you_mean(dataset, names));
  return *found;
}

}  // namespace

json Statistics::to_json() const {
  json item = {{"channels", channels},
               {"constant_channels", constant_channels},
               {"delta_frames", delta_frames}};
  auto const put = [&](char const* key, std::vector<double> const& list) { item[key] = list; };
  for_each_list(*this, put);
  for_each_constant_list(*this, put);
  auto all = json::object();
  all[dataset] = std::move(item);
  return all;
}

Statistics Statistics::from_json(json const& all, std::string const& dataset) {
  try {
    auto const [name, item] = entry_of(all, dataset);
    Statistics statistics{.dataset = name, .channels = item.at("channels")};
    statistics.delta_frames = item.at("delta_frames");
    statistics.constant_channels = item.at("constant_channels").get<std::vector<std::string>>();
    auto const take = [&](size_t length) {
      return [&item, length](char const* key, std::vector<double>& list) {
        list = item.at(key).get<std::vector<double>>();
        require(list.size() == length,
                "'",
                key,
                "' of the statistics has ",
                list.size(),
                " entries for ",
                length,
                " channels");
      };
    };
    for_each_list(statistics, take(statistics.channels.size()));
    for_each_constant_list(statistics, take(statistics.constant_channels.size()));
    return statistics;
  } catch (json::exception const& error) {
    throw Error(concat("the statistics are not as they were written: ", error.what()));
  }
}

Statistics Statistics::select(std::vector<std::string> const& names) const {
  auto chosen = *this;
  chosen.channels = names;
  for_each_list(chosen, [](char const*, std::vector<double>& list) { list.clear(); });
  for (auto const& name : names) {
    auto const at = std::find(channels.begin(), channels.end(), name);
    require(at != channels.end(),
            "the statistics of '",
            dataset,
            "' know no channel '",
            name,
            "'",
            did_you_mean(name, channels));
    auto const index = static_cast<size_t>(at - channels.begin());
    std::vector<std::vector<double> const*> sources;
    for_each_list(*this,
                  [&](char const*, std::vector<double> const& list) { sources.push_back(&list); });
    size_t next = 0;
    for_each_list(chosen, [&](char const*, std::vector<double>& list) {
      list.push_back((*sources[next++])[index]);
    });
  }
  return chosen;
}

Statistics Statistics::pooled(FieldSet const& fields) const {
  require(fields.channel_names() == channels,
          "the statistics of '",
          dataset,
          "' are of ",
          channels,
          ", not of ",
          fields.channel_names());
  auto result = *this;
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    auto const first = static_cast<size_t>(fields.first_channel(i));
    auto const count = static_cast<size_t>(fields.fields()[i].count());
    pool({result.mean, result.std, result.rms}, this->count, first, count);
    pool({result.mean_delta, result.std_delta, result.rms_delta}, count_delta, first, count);
  }
  return result;
}

}  // namespace eddyline
