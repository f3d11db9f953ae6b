#include "core/version.hpp"

#include <array>

#include <mpi.h>
#include <torch/version.h>

namespace eddyline {

/// Written by cmake/write_commit.cmake at every build.
extern char const* const kCommit;

namespace {

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  std::string const all(text.data(), static_cast<size_t>(length));
  return all.substr(0, all.find(','));
}

}  // namespace

Version const& version() {
  static Version const found = {EDDYLINE_VERSION,
                                kCommit,
                                EDDYLINE_COMPILER,
                                EDDYLINE_BUILD_TYPE,
                                TORCH_VERSION,
                                mpi_version()};
  return found;
}

}  // namespace eddyline
