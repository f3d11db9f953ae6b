#include "surrogates/morph/import.hpp"
#include "surrogates/morph/morph.hpp"

namespace eddyline {

SurrogateEntry morph_entry() {
  return {.name = "morph",
          .summary = "axial-attention transformer for 1-D to 3-D fields (arXiv 2509.21670)",
          .make = [](std::string const& yaml,
                     SurrogateSpec const& spec,
                     uint64_t seed) -> std::shared_ptr<Surrogate> {
            return std::make_shared<Morph>(parse_config<MorphConfig>(yaml, "model"), spec, seed);
          },
          .default_config = [] { return print_config(MorphConfig{}); },
          .published = {.fits =
                            [](PytorchCheckpoint const& checkpoint) {
                              return checkpoint.has("patch_embedding.field_attn.q");
                            },
                        .import =
                            [](PytorchCheckpoint const& checkpoint, std::string const& yaml) {
                              return import_morph(checkpoint,
                                                  parse_config<MorphImport>(yaml, "import"));
                            },
                        .default_options = [] { return print_config(MorphImport{}); },
                        .container = "model_state_dict"},
          .any_fields = true,
          .splits_samples = true};
}

}  // namespace eddyline
