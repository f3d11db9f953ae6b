#include "surrogates/checkpoints/native.hpp"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

#include <ATen/ATen.h>
#include <hdf5.h>

#include "core/error.hpp"
#include "data/hdf5/library.hpp"
#include "surrogates/checkpoints/element_type.hpp"
#include "surrogates/checkpoints/envelope.hpp"

namespace eddyline {
namespace {

constexpr auto kFacts = "facts";
constexpr auto kElementType = "dtype";

/// Owns an HDF5 identifier of any kind.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) {
      close();
    }
  }
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;
  operator hid_t() const { return id_; }
  bool is_valid() const { return id_ >= 0; }
  /// Closes now; false if what was buffered could not be written.
  bool close() {
    bool const is_closed = close_(std::exchange(id_, -1)) >= 0;
    if (!is_closed) {
      note_hdf5_damage();
    }
    return is_closed;
  }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// libhdf5 prints its error stack by default; we throw instead.
class QuietHdf5 {
 public:
  QuietHdf5() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietHdf5() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  QuietHdf5(QuietHdf5 const&) = delete;
  QuietHdf5& operator=(QuietHdf5 const&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

void write_dataset(hid_t file, std::string const& name, at::Tensor const& tensor) {
  auto const host = tensor.detach().to(at::kCPU).contiguous();
  auto const type_name = element_type_name(host.scalar_type());
  Handle const type(make_hdf5_type(host.scalar_type()), H5Tclose);
  std::vector<hsize_t> const extents(host.sizes().begin(), host.sizes().end());
  Handle const space(
      extents.empty() ? H5Screate(H5S_SCALAR)
                      : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
      H5Sclose);
  Handle const links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  Handle const creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);  // equal content makes equal bytes
  Handle set(H5Dcreate2(file, name.c_str(), type, space, links, creation, H5P_DEFAULT), H5Dclose);
  require(set.is_valid(),
          "tensor '",
          name,
          "' cannot be stored: its name is taken, or begins with another tensor's name and '/'");
  Handle const scalar(H5Screate(H5S_SCALAR), H5Sclose);
  Handle const text(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(text, type_name.size());
  Handle const attribute(H5Acreate2(set, kElementType, text, scalar, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  bool const named = H5Awrite(attribute, text, type_name.data()) >= 0;
  bool const stored =
      host.numel() == 0 || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, host.data_ptr()) >= 0;
  expect_machine(
      named && stored && set.close(), "cannot write tensor '", name, "': ", std::strerror(errno));
}

void write_facts(hid_t file, std::string const& text) {
  Handle const type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, text.size());
  H5Tset_cset(type, H5T_CSET_UTF8);
  Handle const space(H5Screate(H5S_SCALAR), H5Sclose);
  Handle const set(H5Dcreate2(file, kFacts, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                   H5Dclose);
  expect_machine(
      set.is_valid() && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0,
      "cannot write the facts: ",
      std::strerror(errno));
}

void write_hdf5(std::filesystem::path const& path, NativeCheckpoint const& checkpoint) {
  QuietHdf5 const quiet;
  Handle const creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(creation, kEnvelopeBytes);
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT), H5Fclose);
  expect_machine(file.is_valid(), "cannot create '", path.string(), "': ", std::strerror(errno));
  for (auto const& [name, tensor] : checkpoint.tensors) {
    require(!name.empty() && name != kFacts && name.front() != '/',
            "a tensor cannot be named '",
            name,
            "' in a checkpoint; give it another name");
    write_dataset(file, name, tensor);
  }
  write_facts(file, checkpoint.facts.dump());
  expect_machine(file.close(), "cannot write '", path.string(), "': ", std::strerror(errno));
}

/// What a crafted file may hold is checked before anything is allocated.
at::Tensor read_dataset(hid_t set, uintmax_t file_bytes) {
  Handle const attribute(H5Aopen(set, kElementType, H5P_DEFAULT), H5Aclose);
  require(attribute.is_valid(), "attribute '", kElementType, "' is missing");
  Handle const text(H5Aget_type(attribute), H5Tclose);
  auto const length = H5Tget_size(text);
  require(H5Tget_class(text) == H5T_STRING && !H5Tis_variable_str(text) && length <= 16,
          "attribute '",
          kElementType,
          "' is not a short text");
  std::string name(length, '\0');
  require(
      H5Aread(attribute, text, name.data()) >= 0, "attribute '", kElementType, "' cannot be read");
  auto const element = element_type_named(name.c_str());
  Handle const type(make_hdf5_type(element), H5Tclose);
  Handle const stored(H5Dget_type(set), H5Tclose);
  require(H5Tequal(type, stored) > 0, "its bytes are not of type ", name);
  Handle const space(H5Dget_space(set), H5Sclose);
  auto const rank = H5Sget_simple_extent_ndims(space);
  require(rank >= 0, "it has no extent");
  std::vector<hsize_t> extents(static_cast<size_t>(rank));
  H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  auto const elements = H5Sget_simple_extent_npoints(space);
  require(H5Dget_storage_size(set) <= file_bytes && elements >= 0 &&
              static_cast<uintmax_t>(elements) * H5Tget_size(type) == H5Dget_storage_size(set),
          "its extents ask for more than the file holds");
  auto tensor = at::empty(std::vector<int64_t>(extents.begin(), extents.end()), at::dtype(element));
  require(
      elements == 0 || H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.data_ptr()) >= 0,
      "it cannot be read");
  return tensor;
}

nlohmann::json read_facts(hid_t file, uintmax_t file_bytes) {
  Handle const set(H5Dopen2(file, kFacts, H5P_DEFAULT), H5Dclose);
  require(set.is_valid(), "data set '", kFacts, "' is missing");
  Handle const type(H5Dget_type(set), H5Tclose);
  auto const length = H5Tget_size(type);
  require(H5Tget_class(type) == H5T_STRING && !H5Tis_variable_str(type) && length <= file_bytes,
          "data set '",
          kFacts,
          "' is not a text");
  std::string text(length, '\0');
  require(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0,
          "data set '",
          kFacts,
          "' cannot be read");
  auto facts = nlohmann::json::parse(text, nullptr, false);
  require(!facts.is_discarded(), "data set '", kFacts, "' is not JSON");
  return facts;
}

herr_t collect_name(hid_t /*file*/, char const* name, H5O_info_t const* object, void* names) {
  if (object->type == H5O_TYPE_DATASET && std::string_view(name) != kFacts) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  }
  return 0;
}

template <class Action>
auto with_verified_file(std::filesystem::path const& path, Action action) {
  verify_seal(path);
  QuietHdf5 const quiet;
  Handle const file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  require(
      file.is_valid(), "checkpoint '", path.string(), "' is no HDF5 file; use the one before it");
  return with_context(
      [&] { return action(static_cast<hid_t>(file), std::filesystem::file_size(path)); },
      "reading checkpoint '",
      path.string(),
      "'");
}

}  // namespace

void write_native(std::filesystem::path const& path, NativeCheckpoint const& checkpoint) {
  with_context(
      [&] {
        // A loader's thread may be reading data meanwhile.
        std::lock_guard<std::recursive_mutex> const lock(hdf5_lock());
        SealedFile target(path);
        write_hdf5(target.temporary(), checkpoint);
        target.commit();
      },
      "writing checkpoint '",
      path.string(),
      "'");
}

NativeCheckpoint read_native(std::filesystem::path const& path, Tensors tensors) {
  std::lock_guard<std::recursive_mutex> const lock(hdf5_lock());
  return with_verified_file(path, [tensors](hid_t file, uintmax_t bytes) {
    NativeCheckpoint checkpoint{.tensors = {}, .facts = read_facts(file, bytes)};
    std::vector<std::string> names;
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, collect_name, &names);
    for (auto const& name : names) {
      if (tensors == Tensors::all_but_moments && name.starts_with(kMoments)) {
        continue;
      }
      with_context(
          [&] {
            Handle const set(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
            require(set.is_valid(), "it cannot be opened");
            checkpoint.tensors[name] = read_dataset(set, bytes);
          },
          "reading tensor '",
          name,
          "'");
    }
    return checkpoint;
  });
}

nlohmann::json read_native_facts(std::filesystem::path const& path) {
  std::lock_guard<std::recursive_mutex> const lock(hdf5_lock());
  return with_verified_file(path,
                            [](hid_t file, uintmax_t bytes) { return read_facts(file, bytes); });
}

bool is_native(std::filesystem::path const& path) {
  return has_seal(path);
}

}  // namespace eddyline
