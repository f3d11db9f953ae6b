// Thousands of damaged checkpoints: each is read or refused with an Error, in bounded memory and
// time. tests/damage.hpp says how they are damaged.
#include "tests/damage.hpp"

#include <zlib.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/pickle.hpp"
#include "surrogates/checkpoints/published_file.hpp"
#include "surrogates/checkpoints/pytorch_writer.hpp"
#include "surrogates/checkpoints/safetensors.hpp"
#include "surrogates/checkpoints/zip_archive.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kMemory = uint64_t{64} << 20;  // no file here holds more than 1.5 MB
constexpr unsigned kSeconds = 60;

/// Each test asks that a good part is refused: else the damage missed what is checked.
class Damage : public testing::Test {
 protected:
  /// Reads a file in damaged copies. \return  how many were refused
  template <class Read>
  int refused(std::string const& whole, uint64_t trials, Read const& read) {
    TimeLimit const time(kSeconds);
    MemoryLimit const memory(kMemory);
    int count = 0;
    for (uint64_t trial = 0; trial < trials; ++trial) {
      auto const bytes = damaged(whole, trial);
      try {
        read(bytes);
      } catch (Error const&) {
        ++count;
      }
    }
    return count;
  }
  /// The same through a file.
  int refused_files(std::string const& whole, uint64_t trials) {
    return refused(whole, trials, [this](std::string const& bytes) {
      put_bytes(path_, bytes);
      for (auto const& [name, tensor] : read_published_file(path_).parameters) {
        tensor.sum();  // every element is inside what was read
      }
    });
  }

  TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "a").string();
};

/// A state dict with every kind of entry, a few kilobytes long.
StateDict small_state() {
  return {{"a.weight", at::arange(60, at::kFloat).view({3, 4, 5})},
          {"a.bias", at::ones({3}, at::kDouble)},
          {"mask", at::ones({7}, at::kBool)},
          {"half", at::ones({2, 2}, at::kBFloat16)},
          {"steps", at::scalar_tensor(int64_t{4}, at::kLong)}};
}

TEST_F(Damage, OfPicklesIsReadOrRefusedInFourThousandTrials) {
  int count = 0;
  for (auto const* name : {"morph/scalar2d_ar1.pt",
                           "gphyt/convnet_heun_v1.pt",
                           "climax/regional_europe.pt",
                           "unet/shallow2d_t1.pt"}) {
    ZipArchive archive(source_folder() / "tests/fixtures" / name);
    for (auto const& [entry, size] : archive.entries()) {
      if (entry.ends_with("data.pkl")) {
        count += refused(archive.read_text(entry, size), 1000, [](std::string const& bytes) {
          PickleDocument::parse(bytes);
        });
      }
    }
  }
  EXPECT_GT(count, 1000);
}

TEST_F(Damage, OfPyTorchFilesIsReadOrRefusedInTwoThousandTrials) {
  write_pytorch(path_, small_state(), "state_dict");
  int count = refused_files(bytes_of_file(path_), 1500);
  for (auto const* name : {"ifactformer/m_wallclustered_y.pt", "climax/global_finer_grid.pt"}) {
    count += refused_files(bytes_of_file(source_file(concat("tests/fixtures/", name))), 250);
  }
  EXPECT_GT(count, 500);
}

TEST_F(Damage, OfSafetensorsIsReadOrRefusedInThreeThousandTrials) {
  write_safetensors(path_, {.tensors = small_state(), .metadata = {{"facts", R"({"epoch": 7})"}}});
  int count = refused_files(bytes_of_file(path_), 2500);
  write_safetensors(path_,
                    {.tensors = published_fixture("climax/global_finer_grid.pt").parameters});
  count += refused_files(bytes_of_file(path_), 500);
  EXPECT_GT(count, 750);
}

TEST_F(Damage, OfNpzArchivesIsReadOrRefusedInFiveHundredTrials) {
  auto const whole =
      bytes_of_file(source_file("tests/fixtures/climax/shards_mini/normalize_mean.npz"));
  auto const count = refused(whole, 500, [this](std::string const& bytes) {
    put_bytes(path_, bytes);
    ZipArchive archive(path_);
    for (auto const& [name, size] : archive.entries()) {
      archive.read_text(name, 1 << 20);
    }
  });
  EXPECT_GT(count, 125);
}

}  // namespace
}  // namespace eddyline
