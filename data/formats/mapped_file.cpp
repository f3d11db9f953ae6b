#include "data/formats/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.hpp"

namespace eddyline {

MappedFile::MappedFile(std::filesystem::path const& path) {
  std::error_code error;
  require(std::filesystem::is_regular_file(path, error), "there is no such file");
  size_ = static_cast<size_t>(std::filesystem::file_size(path));
  int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(file >= 0, "cannot open it: ", std::strerror(errno));
  if (size_ > 0) {  // nothing is no mapping
    map_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  }
  auto const reason = errno;
  ::close(file);
  if (map_ == MAP_FAILED) {
    map_ = nullptr;
    throw Failure(concat("cannot map it into memory: ", std::strerror(reason)));
  }
}

MappedFile::~MappedFile() {
  if (map_ != nullptr) {
    munmap(map_, size_);
  }
}

}  // namespace eddyline
