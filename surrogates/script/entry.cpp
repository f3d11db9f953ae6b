#include "surrogates/script/script.hpp"

namespace eddyline {

SurrogateEntry script_entry() {
  return {.name = "script",
          .summary = "a TorchScript module of your own; its code is run, so it needs --trust",
          .make = [](std::string const& yaml,
                     SurrogateSpec const& spec,
                     uint64_t) -> std::shared_ptr<Surrogate> {
            return std::make_shared<Script>(parse_config<ScriptConfig>(yaml, "model"), spec);
          },
          .default_config = [] { return print_config(ScriptConfig{}); }};
}

}  // namespace eddyline
