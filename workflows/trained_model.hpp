#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/config_type.hpp"
#include "data/pipeline/dataset.hpp"
#include "data/pipeline/forcing.hpp"
#include "data/pipeline/statistics.hpp"
#include "surrogates/stored_model.hpp"
#include "surrogates/surrogate_stepper.hpp"
#include "workflows/compatibility.hpp"

namespace eddyline {

template <>
struct EnumNames<WeightKind> {
  static constexpr auto names = std::to_array<std::pair<WeightKind, char const*>>(
      {{WeightKind::averaged, "averaged"}, {WeightKind::plain, "plain"}});
};

/// What of a checkpoint is used.
struct ModelChoice {
  WeightKind weights = WeightKind::averaged;  ///< those of train.ema's average, if it was kept
  std::string set;  ///< of a model that learned from several data sets (data.mix), the one it is
                    ///< used on: its fields, statistics and data section
  std::filesystem::path adapter;  ///< of train.adapt: the model is its base, all else (weights,
                                  ///< set, data, statistics) is the adapter's; empty: none
};

/// A trained network with all that its use on data needs.
class TrainedModel {
 public:
  /// Reads a native checkpoint; the network goes to `device`.
  /// \throw Error  if the file is no checkpoint of a network trained here, naming what is missing;
  ///               if it learned from several data sets and none of them is chosen; if the adapter
  ///               is not of this base
  TrainedModel(std::filesystem::path const& path,
               at::Device device,
               ModelChoice const& choice = {});

  std::string const& name() const { return stored_.surrogate; }
  std::filesystem::path const& path() const { return path_; }
  /// The files it was read from.
  std::vector<std::string> files() const;
  /// The run folder the checkpoint lies in (…/<run>/checkpoints/best.h5), else its own folder; with
  /// an adapter, the adapter's.
  std::filesystem::path run_folder() const;
  at::Device device() const { return device_; }
  int64_t history() const { return surrogate_->history(); }
  std::array<int64_t, 3> patch() const { return surrogate_->patch(); }
  Surrogate const& network() const { return *surrogate_; }
  Statistics const& statistics() const { return statistics_; }

  /// The `data` section it was trained with, overwritten by what `section` says.
  /// \throw Error  as parse_config
  DataConfig data_config(YamlText const& section) const;
  /// A part of data with windows of `history` frames and one target.
  /// \param allow  differences from the training data that are meant (check_compatible)
  /// \param mesh   where it splits samples, this rank reads and steps its block of them
  /// \throw Error  if the data differ from those it was trained on, or samples are split and the
  ///               network cannot work on blocks
  std::unique_ptr<Dataset> open(DataConfig const& config,
                                Split split,
                                int64_t history,
                                std::vector<std::string> const& allow,
                                std::shared_ptr<Mesh const> const& mesh) const;
  /// Time from the newest input frame to the prediction: as the data's frames lie, else (one frame
  /// only) as in training.
  double interval(Dataset const& data) const;
  /// Steps from those frames of a data set that open() gave. The data set must outlive the stepper.
  std::unique_ptr<Stepper> stepper(Dataset& data,
                                   std::vector<StartFrame> const& starts,
                                   Forecast forecast = Forecast::iterated) const;
  /// The same network on samples of `spec`, which are like those of `data` but may have fewer
  /// cells: to find out what a step takes.
  std::unique_ptr<Stepper> stepper_on(std::shared_ptr<BatchSpec const> spec,
                                      Dataset const& data,
                                      std::unique_ptr<Forcing> forcing,
                                      Forecast forecast) const;

 private:
  SurrogateSetup setup(Dataset const& data, Forecast forecast) const;

  std::filesystem::path path_, adapter_;
  at::Device device_;
  StoredModel stored_;
  std::shared_ptr<Surrogate> surrogate_;
  Statistics statistics_;
  DataFacts facts_;
  DataConfig data_;
};

}  // namespace eddyline
