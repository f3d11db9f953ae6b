#include "surrogates/ifactformer/import.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(PytorchCheckpoint const& checkpoint, IFactFormerImport const& options = {}) {
  try {
    import_ifactformer(checkpoint, options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(IFactFormerImport, ReadsSizesAndVariantFromTheShapes) {
  auto const m =
      infer_ifactformer(published_fixture("ifactformer/m_two_frames_depth2.pt"), {.n_layer = 3});
  EXPECT_EQ(m.variant, IFactVariant::m);
  EXPECT_EQ(m.dim, 12);
  EXPECT_EQ(m.heads, 3);
  EXPECT_EQ(m.dim_head, 8);
  EXPECT_EQ(m.depth, 2);
  EXPECT_EQ(m.history, 2);
  EXPECT_EQ(m.n_layer, 3);
  EXPECT_EQ(m.coordinates, IFactCoordinates::uniform);
  auto const o = infer_ifactformer(published_fixture("ifactformer/o_chained_t1.pt"), {});
  EXPECT_EQ(o.variant, IFactVariant::o);
  EXPECT_EQ(o.n_layer, 10);
  EXPECT_EQ(o.depth, 1);
}

TEST(IFactFormerImport, KeepsEveryTensorByName) {
  auto const checkpoint = published_fixture("ifactformer/m_two_frames_depth2.pt");
  auto const imported = import_ifactformer(checkpoint, {.fields = {"velocity:x:y:z"}});
  auto state = model_tensors(*imported.network);
  EXPECT_EQ(state.size(), checkpoint.parameters.size());
  for (auto const& [name, value] : checkpoint.parameters) {
    EXPECT_TRUE(at::equal(state["model/" + name], value)) << name;
  }
  EXPECT_TRUE(imported.report.empty());
  EXPECT_EQ(imported.spec.input_fields.channel_names(),
            (std::vector<std::string>{"velocity_x", "velocity_y", "velocity_z"}));
  EXPECT_THAT(imported.summary, HasSubstr("IFactFormer-m: dim 12, heads 3, dim_head 8, depth 2"));
}

TEST(IFactFormerImport, SaysThatAPrefixWasTakenOff) {
  auto checkpoint = published_fixture("ifactformer/o_chained_t1.pt");
  checkpoint.removed_prefix = "module.";
  EXPECT_THAT(import_ifactformer(checkpoint, {}).report,
              testing::Contains(HasSubstr("the leading 'module.' was taken off")));
}

TEST(IFactFormerImport, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of({}),
              HasSubstr("the file holds no IFactFormer: it has no 'to_in.2.weight'"));
  auto checkpoint = published_fixture("ifactformer/o_chained_t1.pt");
  checkpoint.parameters.emplace_back("extra.weight", at::zeros({1}));
  EXPECT_THAT(message_of(checkpoint), HasSubstr("the checkpoint holds 'extra.weight'"));
  checkpoint = published_fixture("ifactformer/o_chained_t1.pt");
  std::erase_if(checkpoint.parameters,
                [](auto const& item) { return item.first == "encoder.layers.0.0.0._B"; });
  EXPECT_THAT(message_of(checkpoint), HasSubstr("the checkpoint lacks 'encoder.layers.0.0.0._B'"));
  checkpoint = published_fixture("ifactformer/o_chained_t1.pt");
  for (auto& [name, value] : checkpoint.parameters) {
    if (name == "simple_to_out.3.bias") {
      value = at::zeros({4});
    }
  }
  EXPECT_THAT(message_of(checkpoint),
              HasSubstr("'simple_to_out.3.bias' has shape (4) in the checkpoint, (3)"));
  EXPECT_THAT(
      message_of(published_fixture("ifactformer/o_chained_t1.pt"), {.fields = {"pressure"}}),
      HasSubstr("import.fields has 1 channels (pressure), the network has 3"));
}

TEST(IFactFormerImport, RefusesKernelsOfAnotherWidth) {
  auto checkpoint = published_fixture("ifactformer/o_chained_t1.pt");
  for (auto& [name, value] : checkpoint.parameters) {
    if (name.ends_with("low_rank_kernel_x.to_q.weight")) {
      value = value.narrow(0, 0, 48);
    }
  }
  EXPECT_THAT(message_of(checkpoint), HasSubstr("queries are not 3 times as wide as its values"));
}

TEST(IFactFormerImport, ItsCheckpointMakesTheSameNetworkAgain) {
  auto const imported =
      import_ifactformer(published_fixture("ifactformer/m_wallclustered_y.pt"), {.n_layer = 5});
  auto const again = load_model(to_native(imported));
  EXPECT_EQ(again->config(), imported.network->config());
  auto const expected = model_tensors(*imported.network);
  for (auto const& [name, value] : model_tensors(*again)) {
    EXPECT_TRUE(at::equal(value, expected.at(name))) << name;
  }
}

}  // namespace
}  // namespace eddyline
