#include "data/hdf5/file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
constexpr int64_t kFirstUserBlock = 512;

/// Where the signature is: byte 0, 512, 1024, 2048 …; -1 if nowhere.
int64_t find_signature(std::ifstream& file, int64_t bytes) {
  for (int64_t at = 0; at + static_cast<int64_t>(kSignature.size()) <= bytes;
       at = at == 0 ? kFirstUserBlock : 2 * at) {
    std::array<unsigned char, 8> start{};
    file.seekg(at);
    file.read(reinterpret_cast<char*>(start.data()), start.size());
    if (file && start == kSignature) {
      return at;
    }
    file.clear();
  }
  return -1;
}

/// The end-of-file address that the superblock states; -1 if it cannot be told.
/// Source: HDF5 File Format Specification 3.0, II.A (superblock versions 0 to 3).
int64_t stated_end(std::ifstream& file, int64_t at) {
  std::array<unsigned char, 64> block{};
  file.seekg(at);
  file.read(reinterpret_cast<char*>(block.data()), block.size());
  auto const version = block[8];
  auto const offset_bytes = version < 2 ? block[13] : block[9];
  size_t const before_addresses = version == 0 ? 24 : version == 1 ? 28 : 12;
  if (version > 3 || offset_bytes != 8) {
    return -1;
  }
  uint64_t end = 0;
  auto const position = before_addresses + 16;  // base and extension (or free space) come first
  for (size_t i = 0; i < 8; ++i) {
    end |= static_cast<uint64_t>(block[position + i]) << (8 * i);
  }
  return end < (uint64_t{1} << 62) ? static_cast<int64_t>(end) : -1;
}

Hdf5Handle access_list() {
  Hdf5Handle list(H5Pcreate(H5P_FILE_ACCESS));
  // Locks fail on many parallel file systems, and a finished file that is read needs none.
  H5Pset_file_locking(list.id(), false, true);
  return list;
}

Hdf5Handle access_list(Communicator const& ranks) {
  auto list = access_list();
  H5Pset_fapl_mpio(list.id(), ranks.handle(), MPI_INFO_NULL);
  H5Pset_coll_metadata_write(list.id(), true);
  return list;
}

Hdf5Handle root_of(Hdf5Handle const& file) {
  return Hdf5Handle(H5Gopen2(file.id(), "/", H5P_DEFAULT));
}

Hdf5Place place_of(std::filesystem::path const& path) {
  return {path.string(), "/", static_cast<int64_t>(std::filesystem::file_size(path))};
}

herr_t add_link(hid_t /*group*/, char const* name, H5L_info_t const* /*facts*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

/// Every link on the way to `name` exists (H5Lexists wants the earlier ones to).
bool path_exists(hid_t group, std::string const& name) {
  for (auto end = name.find('/', 1);; end = name.find('/', end + 1)) {
    if (H5Lexists(group, name.substr(0, end).c_str(), H5P_DEFAULT) <= 0) {
      return false;
    }
    if (end == std::string::npos) {
      return true;
    }
  }
}

}  // namespace

Hdf5Group::Hdf5Group(Hdf5Handle handle, Hdf5Place place)
    : Hdf5Object(std::move(handle), std::move(place)) {}

Hdf5Group::Kind Hdf5Group::kind_of(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  H5O_info_t facts;
  bool const known =
      path_exists(id(), name) && H5Oget_info_by_name(id(), name.c_str(), &facts, H5P_DEFAULT) >= 0;
  H5Eclear2(H5E_DEFAULT);
  if (!known) {
    return Kind::none;
  }
  return facts.type == H5O_TYPE_GROUP     ? Kind::group
         : facts.type == H5O_TYPE_DATASET ? Kind::data_set
                                          : Kind::other;
}

std::vector<std::string> Hdf5Group::names(Kind kind) const {
  std::lock_guard const lock(hdf5_lock());
  std::vector<std::string> all;
  hsize_t position = 0;
  require(H5Literate(id(), H5_INDEX_NAME, H5_ITER_INC, &position, add_link, &all) >= 0,
          "cannot list ",
          place_.describe(),
          ": ",
          take_hdf5_errors());
  std::erase_if(all, [&](std::string const& name) { return kind_of(name) != kind; });
  return all;
}

std::vector<std::string> Hdf5Group::groups() const {
  return names(Kind::group);
}
std::vector<std::string> Hdf5Group::data_sets() const {
  return names(Kind::data_set);
}
bool Hdf5Group::has_group(std::string const& name) const {
  return kind_of(name) == Kind::group;
}
bool Hdf5Group::has_data_set(std::string const& name) const {
  return kind_of(name) == Kind::data_set;
}

Hdf5Group Hdf5Group::open_group(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  if (!has_group(name)) {
    throw Error(
        concat(place_.describe(), " has no group '", name, "'", did_you_mean(name, groups())));
  }
  Hdf5Handle group(H5Gopen2(id(), name.c_str(), H5P_DEFAULT));
  require(group.is_open(), "cannot open ", place_.child(name).describe(), ": ", take_hdf5_errors());
  return {std::move(group), place_.child(name)};
}

Hdf5DataSet Hdf5Group::open_data_set(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  if (!has_data_set(name)) {
    throw Error(concat(
        place_.describe(), " has no data set '", name, "'", did_you_mean(name, data_sets())));
  }
  Hdf5Handle data_set(H5Dopen2(id(), name.c_str(), H5P_DEFAULT));
  require(
      data_set.is_open(), "cannot open ", place_.child(name).describe(), ": ", take_hdf5_errors());
  return {std::move(data_set), place_.child(name)};
}

Hdf5Group Hdf5Group::create_group(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle group(H5Gcreate2(id(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  expect_machine(
      group.is_open(), "cannot create ", place_.child(name).describe(), ": ", take_hdf5_errors());
  return {std::move(group), place_.child(name)};
}

Hdf5DataSet Hdf5Group::create_data_set(std::string const& name, DataSetLayout const& layout) const {
  return eddyline::create_data_set(*this, name, layout);
}

Hdf5DataSet Hdf5Group::write_tensor(std::string const& name, at::Tensor const& values) const {
  auto const host = values.to(at::kCPU).contiguous();
  auto data = create_data_set(name, {.shape = host.sizes().vec(), .type = host.scalar_type()});
  data.write_all(host);
  return data;
}

bool is_hdf5_file(std::filesystem::path const& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return false;
  }
  std::ifstream file(path, std::ios::binary);
  return file &&
         find_signature(file, static_cast<int64_t>(std::filesystem::file_size(path, ignored))) >= 0;
}

void check_hdf5_file(std::filesystem::path const& path) {
  std::error_code error;
  auto const status = std::filesystem::status(path, error);
  require(
      std::filesystem::exists(status), "there is no file '", path.string(), "'; check the path");
  require(std::filesystem::is_regular_file(status),
          "'",
          path.string(),
          "' is not a file, where an HDF5 file is expected");
  auto const bytes = static_cast<int64_t>(std::filesystem::file_size(path));
  require(bytes > 0, "'", path.string(), "' is empty (0 bytes); copy or download it again");
  std::ifstream file(path, std::ios::binary);
  require(file.good(), "'", path.string(), "' cannot be opened; check its permissions");
  auto const start = find_signature(file, bytes);
  require(start >= 0, "'", path.string(), "' is not an HDF5 file: it lacks the signature \\x89HDF");
  auto const end = stated_end(file, start);
  require(end < 0 || bytes >= start + end,
          "'",
          path.string(),
          "' is truncated: it has ",
          bytes,
          " bytes, its header says ",
          start + end,
          "; copy or download it again");
}

Hdf5File::Hdf5File(Hdf5Handle file, Hdf5Handle root, Hdf5Place place)
    : Hdf5Group(std::move(root), std::move(place)), file_(std::move(file)) {}

Hdf5File Hdf5File::open(std::filesystem::path const& path) {
  std::lock_guard const lock(hdf5_lock());
  prepare_hdf5();
  check_hdf5_file(path);
  Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_list().id()));
  require(file.is_open(), "'", path.string(), "' cannot be opened as HDF5: ", take_hdf5_errors());
  auto root = root_of(file);
  require(root.is_open(), "'", path.string(), "' has no readable root group: ", take_hdf5_errors());
  return {std::move(file), std::move(root), place_of(path)};
}

Hdf5File Hdf5File::open(std::filesystem::path const& path, Communicator const& ranks) {
  std::lock_guard const lock(hdf5_lock());
  prepare_hdf5();
  ranks.together([&] { check_hdf5_file(path); });
  Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_list(ranks).id()));
  Hdf5Handle root;
  ranks.together([&] {
    require(file.is_open(), "'", path.string(), "' cannot be opened as HDF5: ", take_hdf5_errors());
    root = root_of(file);
    require(
        root.is_open(), "'", path.string(), "' has no readable root group: ", take_hdf5_errors());
  });
  return {std::move(file), std::move(root), place_of(path)};
}

Hdf5File Hdf5File::create(std::filesystem::path const& path) {
  std::lock_guard const lock(hdf5_lock());
  prepare_hdf5();
  auto const access = access_list();
  H5Pset_sieve_buf_size(access.id(), 0);  // as for chunks: what cannot be written fails at once
  Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()));
  expect_machine(file.is_open(), "'", path.string(), "' cannot be created: ", take_hdf5_errors());
  auto root = root_of(file);
  return {std::move(file), std::move(root), {path.string(), "/", -1}};
}

Hdf5File Hdf5File::create(std::filesystem::path const& path, Communicator const& ranks) {
  std::lock_guard const lock(hdf5_lock());
  prepare_hdf5();
  Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access_list(ranks).id()));
  ranks.together([&] {
    expect_machine(file.is_open(), "'", path.string(), "' cannot be created: ", take_hdf5_errors());
  });
  auto root = root_of(file);
  return {std::move(file), std::move(root), {path.string(), "/", -1}};
}

Hdf5File Hdf5File::create_in_memory(std::string const& name, int64_t bytes) {
  constexpr int64_t kLeastBytes = 1 << 20;
  std::lock_guard const lock(hdf5_lock());
  prepare_hdf5();
  auto const list = access_list();
  // Beside the numbers there are tables. A memory that grows often is copied as often.
  auto const growth = static_cast<size_t>(kLeastBytes + bytes + bytes / 16);
  H5Pset_fapl_core(list.id(), growth, /*backing_store=*/false);
  Hdf5Handle file(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, list.id()));
  expect_machine(file.is_open(), "'", name, "' cannot be created in memory: ", take_hdf5_errors());
  auto root = root_of(file);
  return {std::move(file), std::move(root), {name, "/", -1}};
}

void Hdf5File::save(std::filesystem::path const& path) {
  flush();
  ssize_t bytes = 0;
  void* memory = nullptr;  // where HDF5 keeps the pointer to the file's bytes
  {
    std::lock_guard const lock(hdf5_lock());
    bytes = H5Fget_file_image(file_.id(), nullptr, 0);
    expect_machine(bytes > 0 && H5Fget_vfd_handle(file_.id(), H5P_DEFAULT, &memory) >= 0,
                   "'",
                   place_.file,
                   "' has no image: ",
                   take_hdf5_errors());
  }
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(*static_cast<char const* const*>(memory), bytes);
  out.close();
  expect_machine(out.good(), "'", path.string(), "' cannot be written: ", std::strerror(errno));
}

// A file of several ranks does not close while its root group is open.
Hdf5File::~Hdf5File() {
  handle_.close();
}

void Hdf5File::flush() {
  std::lock_guard const lock(hdf5_lock());
  expect_machine(H5Fflush(file_.id(), H5F_SCOPE_LOCAL) >= 0,
                 "'",
                 place_.file,
                 "' cannot be written: ",
                 take_hdf5_errors());
}

void Hdf5File::close() {
  std::lock_guard const lock(hdf5_lock());
  handle_.close();
  auto const name = place_.file;
  expect_machine(file_.close(), "'", name, "' cannot be closed: ", take_hdf5_errors());
}

}  // namespace eddyline
