#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/field_union.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/stored_model.hpp"
#include "workflows/training/data_mix.hpp"
#include "workflows/training/loader_source.hpp"
#include "workflows/training/mixed_source.hpp"
#include "workflows/training/train_config.hpp"
#include "workflows/training/validation.hpp"

namespace eddyline {

/// One data set of a training: its parts and its numbers.
struct TrainingSet {
  DataPart part;
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> valid;  ///< null: none
  Statistics statistics;

  /// "'/scratch/x.hdf5'", with the set's name where there are several: for messages.
  std::string where() const;
};

/// The data sets of a training; one, or those of data.mix.
class TrainingData {
 public:
  /// Opens them. Collective.
  /// \throw Error  if one has no sample, or steps in a row do not fit its window
  TrainingData(std::vector<DataPart> parts,
               TrainConfig const& config,
               std::array<int64_t, 3> patch,
               std::shared_ptr<Mesh const> mesh);

  std::vector<TrainingSet> const& sets() const { return sets_; }
  bool is_mix() const { return !sets_.front().part.name.empty(); }
  /// Makes the fields of a model that learned from several data sets those of its network here too,
  /// if they cover all fields of these sets. \param facts  of its checkpoint
  void keep_fields(nlohmann::json const& facts);
  /// What a network is made from: the first set, with all fields of all sets unless it takes any.
  SurrogateSpec spec(SurrogateEntry const& network) const;
  /// For TargetRule::fields: none if the network takes any fields or all sets have just those.
  std::optional<FieldUnion> fields(SurrogateEntry const& network) const;

  /// Has the targets of all sets cover the part of the grid that the network predicts.
  /// \throw Error  if a set is on another grid than the part
  void predict_part(Surrogate const& network);
  /// Statistics of each training part: the checkpoint's, or computed. Collective.
  void settle_statistics(NativeCheckpoint const* resumed, Communicator const& ranks);
  /// \throw Error  if a set is not what the run that is resumed was on
  void check_resumed(NativeCheckpoint const& checkpoint,
                     std::vector<std::string> const& allow) const;
  /// \throw Error  if the data are not what a model to start from learned (a model of or for a mix
  ///               may have learned any)
  void check_start(NativeCheckpoint const& checkpoint, std::vector<std::string> const& allow) const;
  /// Writes facts["statistics"] and facts["data"], of a mix also facts["mix"][name] in the form of
  /// "data", which is the first set's then.
  void store(nlohmann::json& facts) const;

 private:
  void open_valid(TrainingSet& set, TrainConfig const& config, std::array<int64_t, 3> patch) const;

  std::shared_ptr<Mesh const> mesh_;
  std::vector<TrainingSet> sets_;
  std::optional<StoredModel> learned_;  ///< whose fields are kept
};

/// Where a training's batches come from. The data outlive it.
class TrainingSources {
 public:
  TrainingSources(TrainingData const& data,
                  TrainConfig const& config,
                  at::Device device,
                  Communicator const& ranks);

  BatchSource& train() { return mix_ ? static_cast<BatchSource&>(*mix_) : *train_.front(); }
  std::vector<ValidationSet> valid() const;
  /// For TargetRule::increments.
  std::map<std::string, Affine> increments(at::Device device) const;
  /// "12 batches an epoch", of a mix "12 batches an epoch: a 4, b 8".
  std::string describe() const;

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<LoaderSource>> train_;
  std::vector<std::unique_ptr<LoaderSource>> valid_;  ///< null where a set has none
  std::unique_ptr<MixedSource> mix_;                  ///< null for one set
};

}  // namespace eddyline
