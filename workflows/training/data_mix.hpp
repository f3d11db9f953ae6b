#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "data/pipeline/data_config.hpp"

namespace eddyline {

/// `data` of a training: what is read, or several data sets of which each batch is of one.
struct TrainDataConfig : DataConfig {
  std::map<std::string, YamlText> mix;

  template <class Visitor>
  void visit(Visitor&& v) {
    DataConfig::visit(v);
    v("mix",
      mix,
      "several data sets in one training, NAME: {path: …, weight: 1, …}; the keys are those of "
      "data, which it takes where it has none of its own (history and horizon are the same for "
      "all), and weight, the times that an epoch passes through the set");
  }
};

/// One data set of a training.
struct DataPart {
  std::string name;  ///< in data.mix; empty if it is the only one
  double weight = 1;
  DataConfig config;
};

/// The data sets of `data.mix` with all their keys; without a mix `data` itself.
/// \throw Error  naming the set and the key that is unknown, missing or out of its range
std::vector<DataPart> data_parts(TrainDataConfig const& config);

}  // namespace eddyline
