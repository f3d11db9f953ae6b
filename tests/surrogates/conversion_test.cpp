// Every published network through every form and back, bit for bit.
#include "surrogates/conversion.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/published_file.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing::Not;

struct PublishedCase {
  std::string file;
  std::string import = "{}";
};

void PrintTo(PublishedCase const& one, std::ostream* out) {
  *out << one.file;
}

std::map<std::string, at::Tensor> tensors_of(std::filesystem::path const& path) {
  auto const state = read_published_file(path).parameters;
  return {state.begin(), state.end()};
}

/// Names that differ, whatever the differences are.
std::vector<std::string> differences(std::map<std::string, at::Tensor> left,
                                     std::map<std::string, at::Tensor> const& right) {
  std::vector<std::string> names;
  for (auto const& [name, value] : right) {
    auto const found = left.find(name);
    if (found == left.end() || found->second.scalar_type() != value.scalar_type() ||
        !at::equal(found->second, value)) {
      names.push_back(name);
    }
    left.erase(name);
  }
  for (auto const& item : left) {
    names.push_back("more: " + item.first);
  }
  return names;
}

class Conversion : public testing::Test {
 protected:
  std::filesystem::path path(std::string const& name) const { return folder_.path() / name; }
  std::string convert(std::filesystem::path const& from,
                      std::string const& to,
                      ConversionOptions const& options = {}) const {
    return convert_checkpoint(from, path(to), options);
  }
  std::string message_of(std::filesystem::path const& from,
                         std::string const& to,
                         ConversionOptions const& options = {}) const {
    try {
      convert(from, to, options);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }
  static std::filesystem::path fixture(std::string const& name) {
    return source_folder() / "tests/fixtures" / name;
  }

 private:
  TemporaryFolder folder_;
};

class PublishedConversion : public Conversion, public testing::WithParamInterface<PublishedCase> {};

TEST_P(PublishedConversion, ThroughEveryFormAndBackKeepsEveryBit) {
  auto const from = fixture(GetParam().file);
  auto const original = tensors_of(from);
  convert(from, "a.safetensors");
  EXPECT_THAT(differences(tensors_of(path("a.safetensors")), original), testing::IsEmpty());
  convert(path("a.safetensors"), "a.h5", {.import = GetParam().import});
  auto const report = convert(path("a.h5"), "b.pt");
  auto missing = differences(tensors_of(path("b.pt")), original);
  std::erase_if(missing, [&](auto const& name) {
    return report.find("missing     " + name + ":") != std::string::npos;
  });
  EXPECT_THAT(missing, testing::IsEmpty()) << report;
  convert(path("a.h5"), "b.safetensors");
  EXPECT_THAT(differences(tensors_of(path("b.safetensors")), tensors_of(path("b.pt"))),
              testing::IsEmpty());
  // What the authors' program wrote is taken in like what we wrote for it.
  convert(path("b.pt"), "c.h5", {.import = GetParam().import});
  auto const first = read_native(path("a.h5")), second = read_native(path("c.h5"));
  EXPECT_EQ(first.facts["model"]["config"], second.facts["model"]["config"]);
  EXPECT_THAT(differences(second.tensors, first.tensors), testing::IsEmpty());
}

TEST_P(PublishedConversion, DropsNothingSilently) {
  auto const from = fixture(GetParam().file);
  auto const source = read_published_file(from);
  auto const report = convert(from, "a.pt");
  EXPECT_EQ(report.find("optimiser's state of") != std::string::npos,
            !source.optimizer_state.empty());
  EXPECT_EQ(report.find("dropped     fact 'scheduler_state_dict'") != std::string::npos,
            !source.scheduler.is_null());
  EXPECT_EQ(report.find("was taken off") != std::string::npos, !source.removed_prefix.empty());
  for (auto const& [key, value] : source.facts.items()) {
    EXPECT_THAT(report, HasSubstr("dropped     fact '" + key + "'"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures,
    PublishedConversion,
    testing::Values(
        PublishedCase{"morph/bilinearL2d_vec_ar2.pt", "{heads: 2, heads_xa: 4}"},
        PublishedCase{"morph/lora3d_vec_ar2.pt", "{heads: 4, heads_xa: 8}"},
        PublishedCase{"morph/scalar2d_ar1.pt", "{heads: 3, heads_xa: 4}"},
        PublishedCase{"morph/standalone1d_ar3.pt", "{heads: 4, heads_xa: 8}"},
        PublishedCase{"gphyt/paper_abs_linear_euler.pt", "{num_heads: 3, forward_semantics: head}"},
        PublishedCase{"gphyt/convnet_heun_v1.pt",
                      "{num_heads: 3, integrator: heun, history: 4, "
                      "forward_semantics: v1}"},
        PublishedCase{"gphyt/rope_causal_overlap.pt",
                      "{num_heads: 4, attention: full_causal, history: 4, "
                      "integrator: euler, forward_semantics: v1}"},
        PublishedCase{"gphyt/rope_spatial_nullint_head.pt", "{num_heads: 2, attention: spatial}"},
        PublishedCase{"ifactformer/m_channel_t1.pt"},
        PublishedCase{"ifactformer/m_two_frames_depth2.pt"},
        PublishedCase{"ifactformer/m_wallclustered_y.pt"},
        PublishedCase{"ifactformer/o_chained_t1.pt"},
        PublishedCase{"climax/global_finer_grid.pt", "{heads: 3}"},
        PublishedCase{"climax/global_parallel_patch4.pt", "{heads: 6}"},
        PublishedCase{"climax/global_subset_vars.pt", "{heads: 4}"},
        PublishedCase{"climax/projection_history4.pt", "{heads: 4, grid: [12, 18]}"},
        PublishedCase{"climax/regional_europe.pt", "{heads: 3}"},
        PublishedCase{"unet/paper2d_t4.pt"},
        PublishedCase{"unet/shallow2d_t1.pt", "{history: 1}"},
        PublishedCase{"unet/volume3d_t2.pt", "{history: 2}"}),
    [](auto const& instance) {
      auto name = instance.param.file.substr(0, instance.param.file.size() - 3);
      std::replace_if(
          name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
      return name;
    });

TEST_F(Conversion, WritesTheKeysOfTheAuthorsUnlessToldOtherwise) {
  convert(fixture("climax/global_subset_vars.pt"), "a.h5", {.import = "{heads: 4}"});
  auto const report = convert(path("a.h5"), "a.ckpt");
  EXPECT_THAT(report, HasSubstr("renamed     every key: 'net.' was put in front"));
  EXPECT_TRUE(read_pytorch(path("a.ckpt")).has("net.var_embed"));
  convert(path("a.h5"), "b.pt", {.prefix = "module.", .container = "weights"});
  EXPECT_THAT(message_of(path("b.pt"), "b.safetensors"),
              HasSubstr("it has no state dict: no entry 'model_state_dict'"));
  convert(path("a.h5"), "c.pt", {.prefix = "module.", .container = ""});
  auto const plain = read_pytorch(path("c.pt"));
  EXPECT_TRUE(plain.has("var_embed"));
  EXPECT_EQ(plain.removed_prefix, "module.");
}

TEST_F(Conversion, KeepsFactsInSafetensorsAndNamesThoseThatAPyTorchFileLoses) {
  auto const from = fixture("morph/bilinearL2d_vec_ar2.pt");
  EXPECT_THAT(convert(from, "a.safetensors"),
              testing::AllOf(HasSubstr("the leading 'module.' was taken off"),
                             HasSubstr("dropped     the optimiser's state of 87 parameters"),
                             HasSubstr("kept        facts"),
                             HasSubstr("95 tensors written to")));
  auto const facts = read_published_file(path("a.safetensors")).facts;
  EXPECT_EQ(facts.at("epoch"), 7);
  EXPECT_EQ(facts.at("scheduler_state_dict").at("mode_worse"), "inf");
  EXPECT_THAT(convert(path("a.safetensors"), "a.pt"),
              testing::AllOf(HasSubstr("dropped     fact 'epoch'"),
                             HasSubstr("dropped     fact 'scheduler_state_dict'"),
                             Not(HasSubstr("format"))));
}

TEST_F(Conversion, SaysWhatIsWrong) {
  auto const from = fixture("morph/scalar2d_ar1.pt");
  EXPECT_THAT(message_of(from, "a.bin"),
              HasSubstr("does not tell what to write: end it with .h5 (a checkpoint of Eddyline), "
                        ".safetensors, or .pt, .pth or .ckpt"));
  EXPECT_THAT(message_of(from, "a.h5", {.surrogate = "fno"}),
              HasSubstr("no checkpoints of 'fno' are published"));
  EXPECT_THAT(message_of(source_folder() / "README.md", "a.h5"), HasSubstr("not a zip file"));
  convert(from, "a.h5", {.import = "{heads: 3, heads_xa: 4}"});
  EXPECT_THAT(message_of(path("a.h5"), "b.h5"),
              HasSubstr("is a checkpoint of Eddyline already; end the other name with"));
}

}  // namespace
}  // namespace eddyline
