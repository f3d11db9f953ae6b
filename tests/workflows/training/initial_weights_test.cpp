#include "workflows/training/initial_weights.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

std::string refusal(std::map<std::string, at::Tensor> const& tensors,
                    std::vector<std::string> const& fresh = {}) {
  tiny::Network network;
  try {
    load_initial_weights(network, tensors, fresh);
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

TEST(InitialWeights, ReplaceTheNetworksOwn) {
  auto tensors = model_tensors(tiny::Network());
  tensors["model/bias"] = at::full({16}, 4.0F);
  tiny::Network network;
  EXPECT_TRUE(load_initial_weights(network, tensors, {}).empty());
  EXPECT_EQ(network.named_parameters()["bias"][0].item<float>(), 4);
}

TEST(InitialWeights, RefuseToGuessAndNameWhatBeginsFreshOnRequest) {
  auto tensors = model_tensors(tiny::Network());
  tensors.erase("model/bias");
  tensors["model/outer"] = at::ones({3, 3});
  tensors["model/alien"] = at::ones({1});
  auto const message = refusal(tensors);
  EXPECT_NE(message.find("missing in the checkpoint: bias"), std::string::npos) << message;
  EXPECT_NE(message.find("outer (3, 3) instead of (2, 16)"), std::string::npos) << message;
  EXPECT_NE(message.find("not in the network: alien"), std::string::npos) << message;
  EXPECT_EQ(refusal(tensors, {"bias", "outer", "alien"}), "");
}

TEST(InitialWeights, RefuseAFileThatIsNoCheckpoint) {
  auto const self = Communicator::self();
  tiny::Folder const folder(self);
  std::ofstream(folder / "x.h5") << "no checkpoint at all";
  EXPECT_THROW(read_weights(folder / "x.h5"), Error);
  EXPECT_THROW(read_weights(folder / "missing.h5"), Error);
}

}  // namespace
}  // namespace eddyline
