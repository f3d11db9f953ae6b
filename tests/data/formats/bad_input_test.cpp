// Files that are broken, hostile or something else: a clear Error, never a crash or a huge
// allocation.
#include <dlfcn.h>
#include <execinfo.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include <gtest/gtest.h>

#include "data/formats/registry.hpp"
#include "data/hdf5/file.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/formats/upstream.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr char const* kWell = "well/box3d_mini/data/train/box3d_Ma_0.7_Ms_2.hdf5";
constexpr char const* kSmallWell = "well/box3d_broadcast_mini/data/train/box3d_broadcast.hdf5";

/// A copy of a sample file that a test may spoil.
std::filesystem::path copy_fixture(SharedFolder const& folder, std::string const& name) {
  auto const copy = folder / std::filesystem::path(name).filename().string();
  std::filesystem::copy(format_fixtures() / name, copy);
  return copy;
}

/// Opens a copy with the plain C library and lets `change` spoil it.
template <class Change>
void spoil(std::filesystem::path const& path, Change&& change) {
  Hdf5Handle const file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
  change(file.id());
}

std::string error_of_opening(std::filesystem::path const& path,
                             std::string const& format = "well") {
  return error_of([&] { open_reader(format, {.path = path}); });
}

TEST(BadInput, ATruncatedFileIsNamedAsSuch) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const path = copy_fixture(folder, kWell);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(error_of_opening(path),
              testing::AllOf(HasSubstr("is truncated"), HasSubstr("while opening '")));
}

TEST(BadInput, AMissingDataSetIsNamedWithWhatIsThere) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const path = copy_fixture(folder, kWell);
  spoil(path, [](hid_t file) { H5Ldelete(file, "t0_fields/density", H5P_DEFAULT); });
  EXPECT_THAT(error_of_opening(path),
              testing::AllOf(HasSubstr("'/t0_fields' of '"),
                             HasSubstr("has no data set 'density'"),
                             HasSubstr("known: mask")));
}

TEST(BadInput, AMissingAttributeIsNamedWithItsObject) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const path = copy_fixture(folder, kWell);
  spoil(path, [](hid_t file) {
    H5Adelete_by_name(file, "t1_fields/velocity", "sample_varying", H5P_DEFAULT);
  });
  EXPECT_THAT(error_of_opening(path), HasSubstr("'/t1_fields/velocity' of '"));
  EXPECT_THAT(error_of_opening(path), HasSubstr("has no attribute 'sample_varying'"));
}

TEST(BadInput, AFieldOfAnotherShapeIsToldWithTheShapeExpected) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const path = copy_fixture(folder, kWell);
  spoil(path, [](hid_t file) {
    H5Lmove(file, "t0_fields/mask", file, "old", H5P_DEFAULT, H5P_DEFAULT);
    Hdf5Handle const old(H5Dopen2(file, "old", H5P_DEFAULT));
    std::array<hsize_t, 3> const extent = {12, 10, 7};
    Hdf5Handle const space(H5Screate_simple(3, extent.data(), nullptr));
    Hdf5Handle const data(H5Dcreate2(file,
                                     "t0_fields/mask",
                                     H5T_NATIVE_FLOAT,
                                     space.id(),
                                     H5P_DEFAULT,
                                     H5P_DEFAULT,
                                     H5P_DEFAULT));
    auto const boolean = make_boolean_type();
    for (auto const* name : {"sample_varying", "time_varying", "dim_varying"}) {
      bool const list = std::string(name) == "dim_varying";
      hsize_t const three = 3;
      Hdf5Handle const shape(list ? H5Screate_simple(1, &three, nullptr) : H5Screate(H5S_SCALAR));
      std::array<int8_t, 3> const values = {static_cast<int8_t>(list), 1, 1};
      Hdf5Handle const attribute(
          H5Acreate2(data.id(), name, boolean.id(), shape.id(), H5P_DEFAULT, H5P_DEFAULT));
      H5Awrite(attribute.id(), boolean.id(), values.data());
    }
  });
  EXPECT_THAT(error_of_opening(path),
              HasSubstr("has shape (12, 10, 7) where (12 cells, 10 cells, 8 cells) is expected"));
}

TEST(BadInput, AbsurdExtentsAreRefusedBeforeAllocating) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const path = copy_fixture(folder, kWell);
  spoil(path, [](hid_t file) {
    H5Ldelete(file, "dimensions/time", H5P_DEFAULT);
    std::array<hsize_t, 2> const extent = {hsize_t{1} << 32, hsize_t{1} << 20};
    std::array<hsize_t, 2> const chunk = {1, 1024};
    Hdf5Handle const creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(creation.id(), 2, chunk.data());
    Hdf5Handle const space(H5Screate_simple(2, extent.data(), nullptr));
    Hdf5Handle const data(H5Dcreate2(file,
                                     "dimensions/time",
                                     H5T_NATIVE_FLOAT,
                                     space.id(),
                                     H5P_DEFAULT,
                                     creation.id(),
                                     H5P_DEFAULT));
  });
  EXPECT_THAT(
      error_of_opening(path),
      testing::AllOf(HasSubstr("'/dimensions/time' of '"), HasSubstr("the file is damaged")));
}

TEST(BadInput, TextAndEmptyFilesAreNoHdf5) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  std::ofstream(folder / "text.h5") << "time, density\n0, 1\n";
  std::ofstream(folder / "empty.h5");
  for (auto const* format : {"well", "pdebench", "auto"}) {
    EXPECT_THAT(error_of_opening(folder / "text.h5", format), HasSubstr("is not an HDF5 file"));
    EXPECT_THAT(error_of_opening(folder / "empty.h5", format), HasSubstr("is empty (0 bytes)"));
  }
}

/// Opens and reads as much as a user would; every Exception is fine.
void read_some(std::filesystem::path const& path) {
  try {
    auto const reader = open_reader("auto", {.path = path});
    auto const last = reader->spec().trajectories.back().frames() - 1;
    read_frames(*reader, {.trajectory = 0, .first = last});
    reader->read_constants(0, {.first = {0, 0, 0}, .size = reader->spec().grid.shape()});
  } catch (Exception const&) {
  }
}

enum class Fate { ended, crashed, crashed_in_hdf5, out_of_memory_or_time };

/// In the child, on a crash: says by the exit status whether the HDF5 library or our code was at
/// work.
void tell_who_crashed(int /*signal*/) {
  std::array<void*, 64> frames{};
  auto const count = backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 1; i < count; ++i) {
    Dl_info place{};
    bool const known =
        dladdr(frames[static_cast<size_t>(i)], &place) != 0 && place.dli_fname != nullptr;
    std::string_view const name = known ? place.dli_fname : "";
    if (name.find("libhdf5") != std::string_view::npos) {
      _exit(static_cast<int>(Fate::crashed_in_hdf5));
    }
    // The handler itself is in the program too: it is the frame before the signal's.
    if (i > 2 && name.find("data_formats_tests") != std::string_view::npos) {
      break;
    }
  }
  _exit(static_cast<int>(Fate::crashed));
}

/// Reads the file in a child process that may take 2 GiB more memory than it has and 20 s.
Fate fate_of_reading(std::filesystem::path const& path) {
  auto const child = fork();
  if (child == 0) {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit const memory = {static_cast<rlim_t>(pages * getpagesize()) + (rlim_t{2} << 30),
                           RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &memory);
    alarm(20);
    for (auto const signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) {
      std::signal(signal, tell_who_crashed);
    }
    auto fate = Fate::ended;
    try {
      read_some(path);
    } catch (...) {
      fate = Fate::out_of_memory_or_time;
    }
    _exit(static_cast<int>(fate));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<Fate>(WEXITSTATUS(status)) : Fate::out_of_memory_or_time;
}

/// A sample file with eight random bytes where its structure is; flips in values would test
/// nothing.
std::string with_flipped_bytes(std::string bytes, std::mt19937& random) {
  constexpr size_t kStructure = 16384;
  for (int flip = 0; flip < 8; ++flip) {
    auto const at = random() % std::min(bytes.size(), kStructure);
    bytes[at] = static_cast<char>(random());
  }
  return bytes;
}

// libhdf5 1.10.8 itself crashes on some malformed files (it trusts the sizes of strings in its
// heap): that is counted and shown. What is promised here is that nothing of ours crashes, and that
// memory and time stay bounded.
TEST(BadInput, FlippedBytesNeverCrashOurCodeNorTakeAllMemoryOnOneRank) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  std::mt19937 random(11);
  void* warm_up = nullptr;
  backtrace(&warm_up, 1);  // loads the unwinder here, since a signal handler must not
  int library_crashes = 0;
  for (auto const* name :
       {kSmallWell, "pdebench/1D_diff-sorp_NA_NA.h5", "pdebench/ns_incom_inhom_2d_512-0.h5"}) {
    std::ifstream file(format_fixtures() / name, std::ios::binary);
    std::string const bytes((std::istreambuf_iterator<char>(file)), {});
    for (int trial = 0; trial < 60; ++trial) {
      auto const path = folder / std::filesystem::path(name).filename().string();
      std::ofstream(path, std::ios::binary) << with_flipped_bytes(bytes, random);
      auto const fate = fate_of_reading(path);
      library_crashes += fate == Fate::crashed_in_hdf5 ? 1 : 0;
      EXPECT_NE(fate, Fate::crashed) << name << ", trial " << trial;
      EXPECT_NE(fate, Fate::out_of_memory_or_time) << name << ", trial " << trial;
    }
  }
  std::cout << library_crashes << " of 180 files crashed inside libhdf5\n";
  EXPECT_LT(library_crashes, 18);  // 3 were seen; many more would mean that our checks are gone
}

}  // namespace
}  // namespace eddyline
