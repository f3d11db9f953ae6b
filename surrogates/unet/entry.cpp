#include "surrogates/unet/import.hpp"
#include "surrogates/unet/unet.hpp"

namespace eddyline {

SurrogateEntry unet_entry() {
  return {
      .name = "unet",
      .summary = "ConvNeXt U-Net for 1-D to 3-D fields, The Well's CNextU-Net (arXiv 2412.00568)",
      .make = [](std::string const& yaml,
                 SurrogateSpec const& spec,
                 uint64_t seed) -> std::shared_ptr<Surrogate> {
        return std::make_shared<Unet>(parse_config<UnetConfig>(yaml, "model"), spec, seed);
      },
      .default_config = [] { return print_config(UnetConfig{}); },
      .published = {.fits =
                        [](PytorchCheckpoint const& checkpoint) {
                          return checkpoint.has("encoder.0.blocks.0.dwconv.weight") &&
                                 checkpoint.has("in_proj.weight");
                        },
                    .import =
                        [](PytorchCheckpoint const& checkpoint, std::string const& yaml) {
                          return import_unet(checkpoint, parse_config<UnetImport>(yaml, "import"));
                        },
                    .default_options = [] { return print_config(UnetImport{}); }},
      .splits_samples = true};
}

}  // namespace eddyline
