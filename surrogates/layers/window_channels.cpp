#include "surrogates/layers/window_channels.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {

WindowChannels::WindowChannels(Options const& options, SurrogateSpec const& spec)
    : history_(options.history),
      fields_(spec.input_fields.channels()),
      constants_(options.constants == Extras::fields ? spec.constant_fields.channels() : 0),
      scalars_(options.scalars == Extras::fields ? static_cast<int64_t>(spec.scalars.size()) : 0),
      outputs_(spec.output_fields.channels()) {}

at::Tensor WindowChannels::gather(Batch const& batch) const {
  auto const& input = batch.input;
  require(input.size(1) == history_,
          "the batch has ",
          input.size(1),
          " input frames, model.history is ",
          history_);
  require(input.size(2) == fields_,
          "the batch has ",
          input.size(2),
          " channels, the model was made for ",
          fields_);
  auto const frames = input.reshape(
      {input.size(0), history_ * fields_, input.size(3), input.size(4), input.size(5)});
  std::vector<at::Tensor> parts = {frames};
  auto const append = [&](at::Tensor const& part, int64_t channels, char const* what) {
    require(part.defined() && part.size(1) == channels,
            "the batch has ",
            part.defined() ? part.size(1) : 0,
            " ",
            what,
            ", the model was made for ",
            channels);
    auto const image = part.dim() == 2 ? part.view({part.size(0), channels, 1, 1, 1}) : part;
    parts.push_back(
        image.to(input.scalar_type())
            .expand({input.size(0), channels, input.size(3), input.size(4), input.size(5)}));
  };
  if (constants_ > 0) {
    append(batch.constants, constants_, "constant fields");
  }
  if (scalars_ > 0) {
    append(batch.scalars, scalars_, "scalars");
  }
  return parts.size() == 1 ? frames : at::cat(parts, 1);
}

}  // namespace eddyline
