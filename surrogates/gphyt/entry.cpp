#include "surrogates/gphyt/export.hpp"
#include "surrogates/gphyt/import.hpp"

namespace eddyline {

SurrogateEntry gphyt_entry() {
  return {.name = "gphyt",
          .summary = "space-time transformer and an integrator for 2-D fields (arXiv 2509.13805)",
          .make = [](std::string const& yaml,
                     SurrogateSpec const& spec,
                     uint64_t seed) -> std::shared_ptr<Surrogate> {
            return std::make_shared<Gphyt>(parse_config<GphytConfig>(yaml, "model"), spec, seed);
          },
          .default_config = [] { return print_config(GphytConfig{}); },
          .published = {.fits =
                            [](PytorchCheckpoint const& checkpoint) {
                              return checkpoint.has("attention_blocks.0.attention.to_qkv.weight");
                            },
                        .import =
                            [](PytorchCheckpoint const& checkpoint, std::string const& yaml) {
                              return import_gphyt(checkpoint,
                                                  parse_config<GphytImport>(yaml, "import"));
                            },
                        .default_options = [] { return print_config(GphytImport{}); },
                        .container = "model_state_dict",
                        .extra_state = gphyt_extra_state},
          .splits_samples = true};
}

}  // namespace eddyline
