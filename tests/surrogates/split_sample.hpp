// A sample of a network's contract on the ranks that share it, and whole.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <ATen/ATen.h>

#include "core/communicator.hpp"
#include "core/process_group.hpp"
#include "data/sharding/collectives.hpp"
#include "data/sharding/predicted_part.hpp"
#include "surrogates/partial_surrogate.hpp"
#include "tests/made_by_first.hpp"
#include "tests/surrogates/contract.hpp"

namespace eddyline {

using Parts = std::array<int, 3>;

inline std::string text_of(Parts parts) {
  return concat("(", parts[0], ", ", parts[1], ", ", parts[2], ")");
}

inline at::Tensor cut(at::Tensor values, Box const& box) {
  for (size_t a = 0; a < 3; ++a) {
    values = values.narrow(static_cast<int64_t>(a) - 3, box.first[a], box.size[a]);
  }
  return values.contiguous();
}

/// One network on one split, in one type; the first rank also works on all samples, whole. Where
/// ranks are left over, they take other samples.
class SplitSample {
 public:
  SplitSample(Surrogate& model,
              SurrogateSpec const& spec,
              Parts parts,
              at::ScalarType type,
              Flight flight = Flight::as_computed)
      : SplitSample(model, spec, parts, of_type(make_batch(model, spec, 2), type), flight) {
    model_.to(type);
  }
  /// \param whole  of the network's type; as many samples as ranks work on others, or a multiple
  SplitSample(Surrogate& model,
              SurrogateSpec const& spec,
              Parts parts,
              Batch whole,
              Flight flight = Flight::as_computed)
      : model_(model), whole_(std::move(whole)) {
    auto const cells = spec.grid.shape();
    auto align = model.patch();
    for (size_t a = 0; a < 3; ++a) {
      align[a] = cells[a] == 1 ? 1 : align[a];
    }
    mesh_ = std::make_shared<Mesh>(Communicator::world(), parts, flight);
    auto const sharding = std::make_shared<Sharding>(mesh_, cells, align);
    auto const region = predicted_part(model);
    BatchSpec one{.input_fields = spec.input_fields,
                  .output_fields = spec.output_fields,
                  .constant_fields = spec.constant_fields,
                  .input_grid = spec.grid,
                  .output_grid = region ? region->crop(spec.grid) : spec.grid};
    whole_.spec = std::make_shared<BatchSpec>(one);
    one.sharding = sharding;
    one.part = region ? std::make_shared<PredictedPart>(*region, *sharding, align) : nullptr;
    input_box_ = sharding->block().box;
    box_ = one.output_sharding()->block().box;
    part_ = mesh_->data().size() == 1 ? whole_ : rows_of(whole_, first_sample(), samples());
    part_.input = own_input(whole_.input);
    part_.target = own(whole_.target);
    if (whole_.constants.defined()) {
      part_.constants = own_input(whole_.constants);
    }
    part_.spec = std::make_shared<BatchSpec>(one);
  }

  struct Result {
    at::Tensor prediction, input_gradient;
    NamedTensors gradients;
  };
  using Loss = std::function<at::Tensor(at::Tensor const& prediction, Batch const& batch)>;
  /// Over the cells that a batch holds.
  Loss loss = [](at::Tensor const& prediction, Batch const& batch) {
    return (prediction * at::sin(batch.target)).sum();
  };
  Result run(Batch batch, Context const& context) {
    model_.zero_grad();
    batch.input = batch.input.clone().set_requires_grad(true);
    Result result{.prediction = model_.predict(batch, context)};
    loss(result.prediction, batch).backward();
    result.input_gradient = batch.input.grad();
    for (auto const& item : model_.named_parameters()) {
      if (item.value().is_leaf() && item.value().grad().defined()) {
        result.gradients[item.key()] = item.value().grad().clone();
      }
    }
    return result;
  }
  Result run_whole(Context const& context) {
    auto gradients = made_by_first(mesh_->world(), [&] {
      auto result = run(whole_, context);
      result.gradients[" prediction"] = result.prediction;  // no parameter has a blank in its name
      result.gradients[" input"] = result.input_gradient;
      return result.gradients;
    });
    auto const take = [&](char const* name) { return gradients.extract(name).mapped(); };
    Result result{.prediction = take(" prediction"), .input_gradient = take(" input")};
    result.gradients = std::move(gradients);
    return result;
  }
  Result run_part(Context const& context) {
    auto result = run(part_, context);
    for (auto& [name, gradient] : result.gradients) {
      gradient = summed(gradient);
    }
    return result;
  }
  /// Over all ranks.
  at::Tensor summed(at::Tensor const& part) const {
    auto const sum = sum_over(part, mesh_->group()).to(at::kDouble).contiguous();
    mesh_->data().all_reduce({sum.data_ptr<double>(), static_cast<size_t>(sum.numel())});
    return sum.to(part.scalar_type());
  }
  /// This rank's samples and cells of what is predicted, and of what is read.
  at::Tensor own(at::Tensor const& whole) const {
    return cut(whole.narrow(0, first_sample(), samples()), box_);
  }
  at::Tensor own_input(at::Tensor const& whole) const {
    return cut(whole.narrow(0, first_sample(), samples()), input_box_);
  }
  Batch const& part() const { return part_; }
  Batch const& whole() const { return whole_; }
  Mesh const& mesh() const { return *mesh_; }

 private:
  int64_t samples() const { return whole_.input.size(0) / mesh_->data().size(); }
  int64_t first_sample() const { return samples() * mesh_->data().rank(); }
  static Batch of_type(Batch batch, at::ScalarType type) {
    batch.input = batch.input.to(type);
    batch.target = batch.target.to(type);
    return batch;
  }

  Surrogate& model_;
  Batch whole_, part_;
  std::shared_ptr<Mesh const> mesh_;
  Box box_, input_box_;
};

/// Splits of a sample over these ranks, the last of them on four ranks of two samples at once.
inline std::vector<Parts> splits_over(int ranks) {
  if (ranks == 2) {
    return {{1, 1, 2}, {1, 2, 1}, {2, 1, 1}};
  }
  return {{1, 2, 2}, {1, 1, 4}, {2, 2, 1}, {1, 1, 2}};
}

/// Those of them that leave every rank a patch.
inline std::vector<Parts> allowed_splits(Surrogate const& model, SurrogateSpec const& spec) {
  std::vector<Parts> allowed;
  auto const region = predicted_part(model);
  auto const patch = model.patch(), cells = (region ? region->crop(spec.grid) : spec.grid).shape();
  for (auto const parts : splits_over(Communicator::world().size())) {
    bool fits = true;
    for (size_t a = 0; a < 3; ++a) {
      auto const unit = cells[a] == 1 ? 1 : patch[a];
      fits = fits && parts[a] <= cells[a] / unit;
    }
    if (fits) {
      allowed.push_back(parts);
    }
  }
  return allowed;
}

/// What a sample is divided into is shown on all splits; what comes on top of that, on the first
/// and on the last, which on four ranks takes two samples at once.
inline std::vector<Parts> two_of(std::vector<Parts> const& splits) {
  return splits.size() < 2 ? splits : std::vector<Parts>{splits.front(), splits.back()};
}

/// Bytes that left this rank in one call among those that share a sample, at most, by what for.
inline std::map<std::string, int64_t> largest_messages(Mesh const& mesh) {
  std::map<std::string, int64_t> largest;
  for (auto const& group : {mesh.group(), mesh.line(0), mesh.line(1), mesh.line(2)}) {
    if (group) {
      for (auto const& [kind, count] : counters_of(*group).kinds) {
        largest[kind] = std::max(largest[kind], count.largest);
      }
    }
  }
  return largest;
}

}  // namespace eddyline
