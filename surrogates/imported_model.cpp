#include "surrogates/imported_model.hpp"

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {

NativeCheckpoint to_native(ImportedModel const& imported) {
  NativeCheckpoint native{.tensors = model_tensors(*imported.network)};
  for (auto const& [name, state] : imported.optimizer) {
    for (auto const& [moment, value] : state) {
      native.tensors[concat("optimiser/", name, "/", moment)] = value;
    }
  }
  store_model(native.facts,
              {.surrogate = imported.network->name(),
               .config = imported.network->config(),
               .spec = imported.spec});
  return native;
}

Field parse_field(std::string const& text) {
  std::vector<std::string> parts(1);
  for (char const c : text) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  require(!parts.front().empty(),
          "'",
          text,
          "' is no field; write density, or velocity:x:y for a vector");
  if (parts.size() == 1) {
    return {.name = text};
  }
  return {.name = parts[0], .components = {parts.begin() + 1, parts.end()}, .order = 1};
}

}  // namespace eddyline
