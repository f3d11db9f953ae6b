#include "surrogates/script/module_tree.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/surrogates/script/small_script.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(torch::jit::Module const& module) {
  torch::nn::Module tree;
  try {
    adopt(tree, module);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModuleTree, HasTheNamesAndTheTensorsOfTheScript) {
  auto outer = small_script("return input");
  auto const inner = small_script("return input");
  outer.register_module("blocks", inner);
  outer.register_buffer("scale", at::ones({2}));
  torch::nn::Module tree;
  adopt(tree, outer);
  EXPECT_EQ(tree.named_parameters().keys(), (std::vector<std::string>{"weight", "blocks.weight"}));
  EXPECT_EQ(tree.named_buffers().keys(), (std::vector<std::string>{"scale"}));
  at::NoGradGuard const no_grad;
  tree.named_parameters()["blocks.weight"].fill_(3);
  EXPECT_EQ(inner.attr("weight").toTensor().item<double>(), 3) << "the same tensor";
}

TEST(ModuleTree, HasATensorOfSeveralPlacesOnce) {
  auto outer = small_script("return input");
  auto const shared = small_script("return input");
  outer.register_module("first", shared);
  outer.register_module("second", shared);
  outer.register_parameter("tied", shared.attr("weight").toTensor(), /*is_buffer=*/false);
  torch::nn::Module tree;
  adopt(tree, outer);
  EXPECT_EQ(tree.named_parameters().keys(), (std::vector<std::string>{"weight", "tied"}));
}

TEST(ModuleTree, RefusesWhatCannotBeTrained) {
  torch::jit::Module bare("net");
  EXPECT_THAT(message_of(bare), HasSubstr("it has no parameters, so there is nothing to train"));
  auto outer = small_script("return input");
  torch::jit::Module inner("inner");
  inner.register_parameter("bias", at::zeros({1}, at::kDouble), /*is_buffer=*/false);
  outer.register_module("block", inner);
  EXPECT_THAT(message_of(outer), HasSubstr("parameter 'block.bias' is of type Double; only Float"));
}

}  // namespace
}  // namespace eddyline
