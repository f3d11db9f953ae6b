#include "surrogates/layers/packed_attention.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(PackedAttention, HasTheKeysAndShapesOfMultiheadAttention) {
  PackedAttention const attention(6);
  auto const parameters = attention.named_parameters();
  EXPECT_EQ(parameters.keys(),
            (std::vector<std::string>{
                "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}));
  EXPECT_EQ(parameters["in_proj_weight"].sizes().vec(), (std::vector<int64_t>{18, 6}));
  EXPECT_EQ(parameters["in_proj_bias"].sizes().vec(), (std::vector<int64_t>{18}));
  EXPECT_EQ(parameters["out_proj.weight"].sizes().vec(), (std::vector<int64_t>{6, 6}));
}

}  // namespace
}  // namespace eddyline
