#include "surrogates/script/config.hpp"

#include <algorithm>
#include <filesystem>

#include "core/error.hpp"

namespace eddyline {

ScriptConfig checked(ScriptConfig config) {
  require(!config.file.empty(),
          "model.file is empty; give the TorchScript file of the network: model.file=net.pt");
  require(config.history >= 1, "model.history is ", config.history, "; it must be at least 1");
  require(std::all_of(
              config.patch.begin(), config.patch.end(), [](int64_t cells) { return cells >= 1; }),
          "model.patch is ",
          std::vector<int64_t>(config.patch.begin(), config.patch.end()),
          "; its numbers must be at least 1");
  config.file = std::filesystem::absolute(config.file).lexically_normal().string();
  return config;
}

}  // namespace eddyline
