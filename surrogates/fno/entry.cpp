#include "surrogates/fno/fno.hpp"

namespace eddyline {
namespace {

template <Fno::Form form>
std::shared_ptr<Surrogate> make(std::string const& yaml, SurrogateSpec const& spec, uint64_t seed) {
  return std::make_shared<Fno>(parse_config<FnoConfig>(yaml, "model"), form, spec, seed);
}

std::string defaults() {
  return print_config(FnoConfig{});
}

}  // namespace

SurrogateEntry fno_entry() {
  return {.name = "fno",
          .summary = "Fourier neural operator for 1-D to 3-D fields (arXiv 2010.08895)",
          .make = make<Fno::Form::stacked>,
          .default_config = defaults,
          .splits_samples = true};
}

SurrogateEntry ifno_entry() {
  return {.name = "ifno",
          .summary =
              "implicit Fourier neural operator: one layer applied repeatedly (arXiv 2203.08149)",
          .make = make<Fno::Form::implicit>,
          .default_config = defaults,
          .splits_samples = true};
}

}  // namespace eddyline
