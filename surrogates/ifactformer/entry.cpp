#include "surrogates/ifactformer/ifactformer.hpp"
#include "surrogates/ifactformer/import.hpp"

namespace eddyline {

SurrogateEntry ifactformer_entry() {
  return {.name = "ifactformer",
          .summary = "implicit factorised transformer for turbulence (arXiv 2412.18840)",
          .make = [](std::string const& yaml,
                     SurrogateSpec const& spec,
                     uint64_t seed) -> std::shared_ptr<Surrogate> {
            return std::make_shared<IFactFormer>(
                parse_config<IFactFormerConfig>(yaml, "model"), spec, seed);
          },
          .default_config = [] { return print_config(IFactFormerConfig{}); },
          .published = {.fits = is_ifactformer,
                        .import =
                            [](PytorchCheckpoint const& checkpoint, std::string const& yaml) {
                              return import_ifactformer(
                                  checkpoint, parse_config<IFactFormerImport>(yaml, "import"));
                            },
                        .default_options = [] { return print_config(IFactFormerImport{}); }},
          .splits_samples = true};
}

}  // namespace eddyline
