#include "surrogates/checkpoints/pytorch_file.hpp"

#include <gmock/gmock.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "surrogates/checkpoints/byte_writer.hpp"
#include "surrogates/checkpoints/zip_writer.hpp"
#include "tests/damage.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::filesystem::path fixture(std::string const& name) {
  return source_folder() / "tests/fixtures/morph" / name;
}

void replace_all(std::string& text, std::string const& old, std::string const& by) {
  for (auto at = text.find(old); at != std::string::npos; at = text.find(old, at + by.size())) {
    text.replace(at, old.size(), by);
  }
}

/// The four bytes of the CRC-32 of `text` in a zip file.
std::string crc_text(std::string const& text) {
  auto const crc =
      static_cast<uint32_t>(crc32_z(0, reinterpret_cast<Bytef const*>(text.data()), text.size()));
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    bytes += static_cast<char>(crc >> 8 * i);
  }
  return bytes;
}

/// The container with its pickle changed (to the same length) and the checksums put right.
std::string with_pickle(std::string container, std::function<void(std::string&)> const& change) {
  auto const first = container.find("\x80\x02}");
  auto const last = container.find("PK\x07\x08", first);  // the data descriptor after the entry
  auto pickle = container.substr(first, last - first);
  auto const before = crc_text(pickle);
  change(pickle);
  container.replace(first, pickle.size(), pickle);
  replace_all(container, before, crc_text(pickle));
  return container;
}

class PytorchFileTest : public testing::Test {
 protected:
  PytorchFileTest()
      : path_(std::filesystem::temp_directory_path() / concat("eddyline_pytorch_", getpid())) {}
  ~PytorchFileTest() override { std::filesystem::remove(path_); }
  void put(std::string const& bytes) const { put_bytes(path_, bytes); }
  std::string message_of_reading() const {
    try {
      read_pytorch(path_);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path path_;
};

TEST_F(PytorchFileTest, TakesTheModulePrefixOffOnce) {
  auto const checkpoint = read_pytorch(fixture("bilinearL2d_vec_ar2.pt"));
  ASSERT_FALSE(checkpoint.parameters.empty());
  EXPECT_EQ(checkpoint.parameters.front().first, "patch_embedding.conv_features.input_proj.weight");
  EXPECT_EQ(checkpoint.parameters.front().second.sizes().vec(),
            (std::vector<int64_t>{8, 3, 1, 1, 1}));
  EXPECT_EQ(checkpoint.removed_prefix, "module.");
  auto const plain = read_pytorch(fixture("scalar2d_ar1.pt"));
  EXPECT_EQ(plain.removed_prefix, "");
}

TEST_F(PytorchFileTest, TakesThePrefixesOfWrappersOffInEitherOrder) {
  // Names of the same length stand in for longer prefixes, since the pickle must keep its length.
  auto const first_key = std::string("module.patch_embedding.conv_features.input_proj.weight");
  for (auto const& [key, name, removed] : std::vector<std::array<std::string, 3>>{
           {"module._orig_mod.ng.conv_features.input_proj.weight___",
            "ng.conv_features.input_proj.weight___",
            "module._orig_mod."},
           {"_orig_mod.module.ng.conv_features.input_proj.weight___",
            "ng.conv_features.input_proj.weight___",
            "_orig_mod.module."},
           {"_orig_mod.h_embedding.conv_features.input_proj.weight_",
            "h_embedding.conv_features.input_proj.weight_",
            "_orig_mod."},
           {"module.module.ding.conv_features.input_proj.weight____",
            "module.ding.conv_features.input_proj.weight____",
            "module."}}) {
    ASSERT_EQ(key.size(), first_key.size());
    put(with_pickle(bytes_of_file(fixture("bilinearL2d_vec_ar2.pt")), [&](std::string& pickle) {
      // The other keys lose their prefix: none is longer than the one under test.
      replace_all(pickle, "module.", "module_");
      auto const at = pickle.find("module_" + first_key.substr(7));
      pickle.replace(at, key.size(), key);
    }));
    auto const checkpoint = read_pytorch(path_);
    EXPECT_EQ(checkpoint.parameters.front().first, name);
    EXPECT_EQ(checkpoint.removed_prefix, removed);
  }
}

TEST_F(PytorchFileTest, GivesTheOptimiserAndTheScheduler) {
  auto const checkpoint = read_pytorch(fixture("bilinearL2d_vec_ar2.pt"));
  ASSERT_FALSE(checkpoint.optimizer_state.empty());
  auto const& first = checkpoint.optimizer_state.at(0);
  EXPECT_EQ(first.at("step").item<double>(), 2);  // the container was saved after two steps
  EXPECT_EQ(first.at("exp_avg").sizes(), checkpoint.parameters.front().second.sizes());
  EXPECT_GE(first.at("exp_avg_sq").min().item<double>(), 0);
  EXPECT_EQ(checkpoint.param_groups.at(0).at("betas"), nlohmann::json({0.9, 0.999}));
  EXPECT_EQ(checkpoint.param_groups.at(0).at("params").size(), checkpoint.parameters.size());
  EXPECT_EQ(checkpoint.scheduler.at("mode_worse"), "inf");
  EXPECT_EQ(checkpoint.facts.at("epoch"), 7);
  EXPECT_TRUE(read_pytorch(fixture("lora3d_vec_ar2.pt")).scheduler.is_null());
}

TEST_F(PytorchFileTest, RefusesAForbiddenGlobal) {
  put(with_pickle(bytes_of_file(fixture("scalar2d_ar1.pt")), [](std::string& pickle) {
    auto const at = pickle.find("collections\nOrderedDict");
    pickle.replace(at, 23, "subprocess1\ncheck_calls");
  }));
  EXPECT_THAT(message_of_reading(), HasSubstr("asks for 'subprocess1.check_calls'"));
}

TEST_F(PytorchFileTest, RefusesATensorThatLeavesItsStorage) {
  put(with_pickle(bytes_of_file(fixture("scalar2d_ar1.pt")), [](std::string& pickle) {
    auto const at = pickle.find(
        std::string("Q\x4b\x00(K\x08K\x03", 8));  // the first tensor: offset 0, (8, 3, …)
    pickle[at + 2] = 1;
  }));
  EXPECT_THAT(message_of_reading(),
              HasSubstr("a tensor reaches element 25 of storage '0', which has 24"));
}

TEST_F(PytorchFileTest, RefusesABigEndianFile) {
  auto bytes = bytes_of_file(fixture("scalar2d_ar1.pt"));
  replace_all(bytes, "little", "gross!");
  replace_all(bytes, crc_text("little"), crc_text("gross!"));
  put(bytes);
  EXPECT_THAT(message_of_reading(),
              HasSubstr("its byte order is 'gross!'; only 'little' can be read"));
}

TEST_F(PytorchFileTest, RefusesWhatTorchSaveDoesNotWrite) {
  put("\x80\x02\x8a\nl\xfc\x9c"
      "F\xf9 j\xa8P\x19.");  // the magic number of files before torch 1.6
  EXPECT_THAT(message_of_reading(), HasSubstr("not a zip file"));
  EXPECT_FALSE(is_pytorch(path_));
  EXPECT_TRUE(is_pytorch(fixture("scalar2d_ar1.pt")));
}

/// A file whose one tensor, of 4 elements at most, is described by these operations of the pickle.
void put_tensor(std::filesystem::path const& path,
                std::string const& elements,
                std::string const& sizes,
                std::string const& strides) {
  auto const text = [](std::string const& value) {
    return std::string("X") + little_endian(value.size(), 4) + value;
  };
  ZipWriter zip(path);
  zip.add("a/data.pkl",
          "\x80\x02}" + text("weight") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
              "ctorch\nFloatStorage\n" + text("0") + text("cpu") + elements + "tQ" +
              std::string("K\0(", 3) + sizes + "t(" + strides + "t\x89}tRs.");
  zip.add("a/data/0", std::string(16, '\0'));
  zip.commit();
}

std::string number(uint64_t value) {
  return "\x8a\x08" + little_endian(value, 8);
}

TEST_F(PytorchFileTest, RefusesMadeUpSizesBeforeItTakesMemory) {
  MemoryLimit const limit(uint64_t{64} << 20);
  auto const huge = number(uint64_t{1} << 40), four = number(4), one = number(1);
  put_tensor(path_, four, four, one);
  EXPECT_EQ(message_of_reading(), "no error");
  put_tensor(path_, huge, huge, one);
  EXPECT_THAT(
      message_of_reading(),
      HasSubstr("entry 'a/data/0' holds 16 bytes, too few for 1099511627776 elements of 4"));
  put_tensor(path_, four, huge, number(0));
  EXPECT_THAT(message_of_reading(), HasSubstr("a tensor repeats the elements of storage '0'"));
  put_tensor(path_, four, huge, one);
  EXPECT_THAT(message_of_reading(), HasSubstr("reaches element 1099511627776 of storage '0'"));
  put_tensor(path_, four, huge + huge, huge + one);
  EXPECT_THAT(message_of_reading(), HasSubstr("a tensor has a negative or enormous shape"));
  put_tensor(path_, number(~uint64_t{0}), four, one);
  EXPECT_THAT(message_of_reading(), HasSubstr("names a storage in a way that torch.save does not"));
}

/// Flips in the whole file, in its directory, in the pickle under a right checksum; truncations.
TEST_F(PytorchFileTest, DamageOnlyEverThrowsErrorsInBoundedMemory) {
  auto const whole = bytes_of_file(fixture("lora3d_vec_ar2.pt"));
  MemoryLimit const limit(uint64_t{64} << 20);
  int refused = 0;
  constexpr int kTrials = 1200;
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    auto const words = philox({.seed = 2, .step = trial}, 0, 0);
    auto const flip = [&](std::string& bytes, size_t from) {
      bytes[from + words[0] % (bytes.size() - from)] ^= static_cast<char>(1U << words[1] % 8);
    };
    auto broken = whole;
    switch (trial % 5) {
      case 0:
        flip(broken, 0);
        break;
      case 1:
        flip(broken, broken.size() - 24'000);  // the directory lies there
        break;
      case 2:
        broken.resize(words[2] % broken.size());
        break;
      default:
        broken = with_pickle(whole, [&](std::string& pickle) { flip(pickle, 0); });
    }
    put(broken);
    try {
      read_pytorch(path_);
    } catch (Error const&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kTrials / 4);
}

}  // namespace
}  // namespace eddyline
