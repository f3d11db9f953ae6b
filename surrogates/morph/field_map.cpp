#include "surrogates/morph/field_map.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "core/transfer.hpp"

namespace eddyline {
namespace {

/// Consecutive channels that make one field of the network.
struct Piece {
  std::string name;
  int64_t first = 0;
  int64_t count = 1;
};

void append(std::vector<Piece>& pieces,
            FieldSet const& fields,
            FieldLayout layout,
            int64_t offset) {
  for (auto const& field : fields.fields()) {
    auto const parts = layout == FieldLayout::split ? field.count() : 1;
    for (int64_t i = 0; i < parts; ++i) {
      auto const name =
          parts == 1 ? field.name : field.name + "_" + field.components[static_cast<size_t>(i)];
      pieces.push_back({.name = name, .first = offset, .count = field.count() / parts});
      offset += field.count() / parts;
    }
  }
}

int64_t place_of(std::vector<Piece> const& pieces, std::string const& name) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].name == name) {
      return static_cast<int64_t>(i);
    }
  }
  return -1;
}

}  // namespace

FieldMap::FieldMap(MorphConfig const& config, SurrogateSpec const& spec)
    : history_(config.history),
      input_channels_(spec.input_fields.channels()),
      constant_channels_(config.constants == Extras::fields ? spec.constant_fields.channels() : 0),
      scalars_(config.scalars == Extras::fields ? static_cast<int64_t>(spec.scalars.size()) : 0) {
  if (config.layout == FieldLayout::joined) {
    join(spec);
  } else {
    set_side_by_side(config, spec);
  }
  check(config, spec);
}

void FieldMap::set_side_by_side(MorphConfig const& config, SurrogateSpec const& spec) {
  std::vector<Piece> pieces;
  append(pieces, spec.input_fields, config.layout, 0);
  if (constant_channels_ > 0) {
    append(pieces, spec.constant_fields, config.layout, input_channels_);
  }
  for (int64_t i = 0; i < scalars_; ++i) {
    pieces.push_back({.name = spec.scalars[static_cast<size_t>(i)],
                      .first = input_channels_ + constant_channels_ + i});
  }
  fields_ = static_cast<int64_t>(pieces.size());
  std::vector<Piece> outputs;
  append(outputs, spec.output_fields, config.layout, 0);
  for (auto const& piece : pieces) {
    components_ = std::max(components_, piece.count);
  }
  for (auto const& output : outputs) {
    components_ = std::max(components_, output.count);
  }
  decoded_ = fields_;
  for (auto const& piece : pieces) {
    for (int64_t c = 0; c < components_; ++c) {
      source_.push_back(piece.first + c % piece.count);
    }
  }
  for (auto const& output : outputs) {
    auto place = place_of(pieces, output.name);
    bool const known =
        place >= 0 && pieces[static_cast<size_t>(place)].count == output.count && place < fields_;
    place = known ? place : decoded_++;
    for (int64_t k = 0; k < output.count; ++k) {
      copies_.emplace_back();
      for (int64_t c = k; c < components_ && (c == k || config.copies == Copies::mean);
           c += output.count) {
        copies_.back().push_back(place * components_ + c);
      }
    }
  }
}

void FieldMap::join(SurrogateSpec const& spec) {
  auto const inputs = spec.input_fields.channel_names();
  auto const outputs = spec.output_fields.channel_names();
  fields_ = decoded_ = 1;
  components_ = std::max(input_channels_ + constant_channels_ + scalars_,
                         static_cast<int64_t>(outputs.size()));
  for (int64_t c = 0; c < components_; ++c) {
    source_.push_back(c % (input_channels_ + constant_channels_ + scalars_));
  }
  int64_t unknown = 0;  // outputs that are not among the inputs: components of a second field
  for (auto const& name : outputs) {
    auto const found = std::find(inputs.begin(), inputs.end(), name);
    bool const known = found != inputs.end();
    decoded_ = known ? decoded_ : 2;
    copies_.push_back({known ? found - inputs.begin() : components_ + unknown++});
  }
}

void FieldMap::check(MorphConfig const& config, SurrogateSpec const& spec) const {
  require(decoded_ <= config.max_fields,
          "the data have ",
          decoded_,
          " fields (",
          spec.input_fields.describe(),
          ") but model.max_fields is ",
          config.max_fields,
          "; set model.max_fields=",
          decoded_,
          ", or choose fewer with data.fields");
  require(
      components_ <= config.max_components,
      "a field of the data has ",
      components_,
      config.layout == FieldLayout::joined ? " components when all are joined (" : " components (",
      spec.input_fields.describe(),
      ") but model.max_components is ",
      config.max_components,
      "; set model.max_components=",
      components_,
      config.layout == FieldLayout::vectors ? " or model.layout=split" : "");
}

at::Tensor FieldMap::gather(Batch const& batch) const {
  auto const& input = batch.input;
  auto const frames = input.size(1);
  require(
      frames == history_, "the batch has ", frames, " input frames, model.history is ", history_);
  require(input.size(2) == input_channels_,
          "the batch has ",
          input.size(2),
          " channels, the model was made for ",
          input_channels_);
  std::vector<at::Tensor> parts = {input};
  auto const over = [&](at::Tensor const& part, int64_t channels, char const* what) {
    require(part.defined() && part.size(1) == channels,
            "the batch has no ",
            what,
            " (",
            channels,
            " needed); the model was trained with them");
    auto const shaped =
        part.dim() == 2 ? part.view({part.size(0), 1, channels, 1, 1, 1}) : part.unsqueeze(1);
    parts.push_back(
        shaped.to(input.scalar_type())
            .expand(
                {input.size(0), frames, channels, input.size(3), input.size(4), input.size(5)}));
  };
  if (constant_channels_ > 0) {
    over(batch.constants, constant_channels_, "constant fields");
  }
  if (scalars_ > 0) {
    over(batch.scalars, scalars_, "scalars");
  }
  auto const all = parts.size() == 1 ? input : at::cat(parts, 2);
  return take_entries(all, 2, source_).unflatten(2, {fields_, components_});
}

at::Tensor FieldMap::scatter(at::Tensor const& prediction) const {
  auto const all = prediction.flatten(1, 2);
  size_t most = 0;
  for (auto const& places : copies_) {
    most = std::max(most, places.size());
  }
  at::Tensor sum;
  for (size_t round = 0; round < most; ++round) {
    std::vector<int64_t> places;
    std::vector<double> weights;
    for (auto const& copies : copies_) {
      places.push_back(copies[std::min(round, copies.size() - 1)]);
      weights.push_back(round < copies.size() ? 1.0 / static_cast<double>(copies.size()) : 0.0);
    }
    auto term = take_entries(all, 1, places);
    if (most > 1) {
      term = term * sent(at::tensor(weights, at::kDouble).to(term.scalar_type()), term.device())
                        .view({-1, 1, 1, 1});
    }
    sum = sum.defined() ? sum + term : term;
  }
  return sum.unsqueeze(1);
}

}  // namespace eddyline
