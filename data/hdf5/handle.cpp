#include "data/hdf5/handle.hpp"

#include <mutex>
#include <utility>

#include "data/hdf5/library.hpp"

namespace eddyline {

Hdf5Handle::Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}

Hdf5Handle& Hdf5Handle::operator=(Hdf5Handle&& other) noexcept {
  std::swap(id_, other.id_);
  return *this;
}

Hdf5Handle::~Hdf5Handle() {
  close();
}

bool Hdf5Handle::close() {
  std::lock_guard const lock(hdf5_lock());
  auto const id = std::exchange(id_, -1);
  bool const is_closed = id < 0 || H5Iis_valid(id) <= 0 || H5Idec_ref(id) >= 0;
  if (!is_closed) {
    note_hdf5_damage();
  }
  return is_closed;
}

Hdf5Handle make_boolean_type() {
  Hdf5Handle type(H5Tenum_create(H5T_NATIVE_INT8));
  int8_t value = 0;
  H5Tenum_insert(type.id(), "FALSE", &value);
  value = 1;
  H5Tenum_insert(type.id(), "TRUE", &value);
  return type;
}

}  // namespace eddyline
