#pragma once

#include <filesystem>
#include <optional>

#include "data/formats/mapped_file.hpp"
#include "data/formats/npy_array.hpp"

namespace eddyline {

/// One array in an npy file, mapped into memory: reading a part touches its pages only.
class NpyFile final : public ArraySource {
 public:
  /// \throw Error  naming the file, also if it is shorter than its header says
  explicit NpyFile(std::filesystem::path const& path);

  std::vector<int64_t> const& shape() const override { return array_->shape(); }
  int64_t element_bytes() const override { return array_->element_bytes(); }
  std::string type_name() const override { return array_->type_name(); }
  std::string describe() const override { return array_->describe(); }
  int64_t read(Hyperslab const& part, at::Tensor const& out) override {
    return array_->read(part, out);
  }

 private:
  std::optional<MappedFile> file_;
  std::optional<NpyArray> array_;
};

}  // namespace eddyline
