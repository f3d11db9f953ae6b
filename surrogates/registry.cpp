#include "surrogates/registry.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "surrogates/climax/climax.hpp"
#include "surrogates/fno/fno.hpp"
#include "surrogates/gphyt/gphyt.hpp"
#include "surrogates/ifactformer/ifactformer.hpp"
#include "surrogates/morph/morph.hpp"
#include "surrogates/script/script.hpp"
#include "surrogates/unet/unet.hpp"

namespace eddyline {

std::vector<SurrogateEntry> const& surrogate_registry() {
  static std::vector<SurrogateEntry> const entries = {climax_entry(),
                                                      fno_entry(),
                                                      gphyt_entry(),
                                                      ifactformer_entry(),
                                                      ifno_entry(),
                                                      morph_entry(),
                                                      script_entry(),
                                                      unet_entry()};
  return entries;
}

SurrogateEntry const& surrogate_entry(std::string const& name) {
  std::vector<std::string> known;
  for (auto const& entry : surrogate_registry()) {
    if (entry.name == name) {
      return entry;
    }
    known.push_back(entry.name);
  }
  throw Error(concat("there is no surrogate '", name, "'", did_you_mean(name, known)));
}

std::unique_ptr<FrozenSurrogate const> Surrogate::freeze(Precision) const {
  return nullptr;
}

std::vector<ParameterGroup> Surrogate::parameter_groups() const {
  ParameterGroup all{.name = "all"};
  for (auto const& item : named_parameters()) {
    all.parameters.push_back(item.key());
  }
  return {all};
}

}  // namespace eddyline
