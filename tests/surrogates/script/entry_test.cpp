// The line of the registry, on the file that Python wrote.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/trust.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

SurrogateSpec spec() {
  FieldSet const fields({{.name = "u"}});
  return {.input_fields = fields, .output_fields = fields};
}

TEST(ScriptEntry, MakesTheReadmesExample) {
  set_trust(Trust::given);
  auto const network = surrogate_entry("script").make(
      concat("{file: ", source_file("tests/fixtures/script/net.pt"), ", history: 2}"), spec(), 0);
  set_trust(Trust::refused);
  EXPECT_EQ(network->named_parameters().keys(),
            (std::vector<std::string>{"read.weight", "read.bias", "write.weight", "write.bias"}));
  Batch const batch{.input = at::randn({2, 2, 1, 1, 8, 6}), .lead_time = at::ones({2})};
  EXPECT_EQ(network->predict(batch, {}).sizes().vec(), (std::vector<int64_t>{2, 1, 1, 1, 8, 6}));
}

}  // namespace
}  // namespace eddyline
