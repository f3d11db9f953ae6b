#include "surrogates/climax/climax.hpp"
#include "surrogates/climax/import.hpp"

namespace eddyline {

SurrogateEntry climax_entry() {
  return {.name = "climax",
          .summary =
              "vision transformer for weather and climate, any variables, any lead time "
              "(arXiv 2301.10343)",
          .make = [](std::string const& yaml,
                     SurrogateSpec const& spec,
                     uint64_t seed) -> std::shared_ptr<Surrogate> {
            return std::make_shared<Climax>(parse_config<ClimaxConfig>(yaml, "model"), spec, seed);
          },
          .default_config = [] { return print_config(ClimaxConfig{}); },
          .published = {.fits = is_climax,
                        .import =
                            [](PytorchCheckpoint const& checkpoint, std::string const& yaml) {
                              return import_climax(checkpoint,
                                                   parse_config<ClimaxImport>(yaml, "import"));
                            },
                        .default_options = [] { return print_config(ClimaxImport{}); },
                        .container = "state_dict",
                        .prefix = "net."},
          .splits_samples = true};
}

}  // namespace eddyline
