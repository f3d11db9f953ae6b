#include "surrogates/checkpoints/pytorch_writer.hpp"

#include <limits>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/pickle.hpp"
#include "surrogates/checkpoints/zip_writer.hpp"

namespace eddyline {
namespace {

// Operations of the pickle format, protocol 2; see pickletools.py of CPython.
constexpr char const* kOrderedDict = "ccollections\nOrderedDict\n)R";
constexpr char const* kRebuildTensor = "ctorch._utils\n_rebuild_tensor_v2\n";
constexpr char const* kFolder = "archive/";

std::string text(std::string const& value) {
  return concat("X", little_endian(value.size(), 4), value);
}

std::string integer(int64_t value) {
  if (value >= 0 && value < 256) {
    return concat("K", little_endian(static_cast<uint64_t>(value), 1));
  }
  if (value >= 0 && value <= std::numeric_limits<int32_t>::max()) {
    return concat("J", little_endian(static_cast<uint64_t>(value), 4));
  }
  return concat("\x8a\x08", little_endian(static_cast<uint64_t>(value), 8));
}

std::string tuple(at::IntArrayRef values) {
  std::string items;
  for (auto const value : values) {
    items += integer(value);
  }
  return concat("(", items, "t");
}

/// A call that makes the tensor of a storage: _rebuild_tensor_v2(storage, offset, size, stride,
/// requires_grad, hooks).
std::string rebuilt(at::Tensor const& tensor, std::string const& key) {
  return concat(kRebuildTensor,
                "((",
                text("storage"),
                "ctorch\n",
                storage_type_name(tensor.scalar_type()),
                "\n",
                text(key),
                text("cpu"),
                integer(tensor.numel()),
                "tQ",
                integer(0),
                tuple(tensor.sizes()),
                tuple(tensor.strides()),
                "\x89",
                kOrderedDict,
                "tR");
}

}  // namespace

void write_pytorch(std::filesystem::path const& path,
                   StateDict const& state,
                   std::string const& container) {
  with_context(
      [&] {
        auto pickle = std::string("\x80\x02");
        pickle += container.empty() ? std::string() : concat("}", text(container));
        pickle += concat(kOrderedDict, "(");
        std::vector<at::Tensor> storages;
        for (auto const& [name, tensor] : state) {
          storages.push_back(tensor.detach().to(at::kCPU).contiguous());
          pickle += concat(text(name), rebuilt(storages.back(), concat(storages.size() - 1)));
        }
        pickle += container.empty() ? "u." : "us.";
        ZipWriter zip(path);
        zip.add(concat(kFolder, "data.pkl"), pickle);
        zip.add(concat(kFolder, "byteorder"), "little");
        for (size_t i = 0; i < storages.size(); ++i) {
          zip.add(concat(kFolder, "data/", i), storages[i].const_data_ptr(), storages[i].nbytes());
        }
        zip.add(concat(kFolder, "version"), "3\n");
        zip.commit();
      },
      "writing PyTorch file '",
      path.string(),
      "'");
}

}  // namespace eddyline
