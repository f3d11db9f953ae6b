#include "data/hdf5/attributes.hpp"

#include <cmath>
#include <cstring>
#include <mutex>
#include <span>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLargestAttribute = int64_t{16} << 20;

/// An attribute opened to read: its type and number of elements.
struct OpenAttribute {
  Hdf5Handle attribute;
  Hdf5Handle type;
  Hdf5Handle space;
  int64_t count = 0;
  std::string where;  // "attribute 'x' of '/g' of 'file'"

  OpenAttribute(Hdf5Object const& object, std::string const& name)
      : where(concat("attribute '", name, "' of ", object.place().describe())) {
    require(object.has_attribute(name),
            object.place().describe(),
            " has no attribute '",
            name,
            "'",
            did_you_mean(name, object.attribute_names()));
    attribute = Hdf5Handle(H5Aopen(object.id(), name.c_str(), H5P_DEFAULT));
    require(attribute.is_open(), "cannot open ", where, ": ", take_hdf5_errors());
    type = Hdf5Handle(H5Aget_type(attribute.id()));
    space = Hdf5Handle(H5Aget_space(attribute.id()));
    auto const points = H5Sget_simple_extent_npoints(space.id());
    require(type.is_open() && points >= 0, "cannot read ", where, ": ", take_hdf5_errors());
    count = static_cast<int64_t>(points);
    auto const size = static_cast<int64_t>(H5Tget_size(type.id()));
    require(size > 0 && count <= kLargestAttribute / size,
            where,
            " claims ",
            count,
            " elements of ",
            size,
            " bytes; an attribute has at most 16 MiB: the file is damaged");
  }

  H5T_class_t kind() const { return H5Tget_class(type.id()); }
  bool holds_numbers() const {
    return kind() == H5T_INTEGER || kind() == H5T_FLOAT || kind() == H5T_ENUM;
  }
  /// Reads raw elements. \throw Error
  void read(hid_t memory_type, void* out) const {
    require(H5Aread(attribute.id(), memory_type, out) >= 0,
            "cannot read ",
            where,
            ": ",
            take_hdf5_errors());
  }
};

std::vector<std::string> variable_texts(OpenAttribute const& source) {
  Hdf5Handle const memory(H5Tcopy(source.type.id()));
  std::vector<char*> pointers(static_cast<size_t>(source.count), nullptr);
  source.read(memory.id(), pointers.data());
  std::vector<std::string> texts;
  for (auto const* pointer : pointers) {
    texts.emplace_back(pointer == nullptr ? "" : pointer);
  }
  H5Dvlen_reclaim(memory.id(), source.space.id(), H5P_DEFAULT, pointers.data());
  return texts;
}

std::vector<std::string> fixed_texts(OpenAttribute const& source) {
  auto const size = H5Tget_size(source.type.id());
  bool const padded_by_spaces = H5Tget_strpad(source.type.id()) == H5T_STR_SPACEPAD;
  std::string bytes(size * static_cast<size_t>(source.count), '\0');
  source.read(source.type.id(), bytes.data());
  std::vector<std::string> texts;
  for (int64_t i = 0; i < source.count; ++i) {
    auto text = bytes.substr(static_cast<size_t>(i) * size, size);
    text = text.substr(0, text.find('\0'));
    text.erase(padded_by_spaces ? text.find_last_not_of(' ') + 1 : text.size());
    texts.push_back(std::move(text));
  }
  return texts;
}

void write(Hdf5Object const& object,
           std::string const& name,
           hid_t type,
           hid_t space,
           void const* values) {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle const attribute(
      H5Acreate2(object.id(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
  bool const written =
      attribute.is_open() && (values == nullptr || H5Awrite(attribute.id(), type, values) >= 0);
  expect_machine(written,
                 "cannot write attribute '",
                 name,
                 "' of ",
                 object.place().describe(),
                 ": ",
                 take_hdf5_errors());
}

Hdf5Handle list_space(size_t count) {
  hsize_t const extent = count;
  return Hdf5Handle(H5Screate_simple(1, &extent, nullptr));
}

Hdf5Handle text_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.id(), H5T_VARIABLE);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  return type;
}

herr_t add_name(hid_t /*object*/, char const* name, H5A_info_t const* /*facts*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

}  // namespace

Hdf5Object::Hdf5Object(Hdf5Handle handle, Hdf5Place place)
    : handle_(std::move(handle)), place_(std::move(place)) {}

bool Hdf5Object::has_attribute(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  return H5Aexists(id(), name.c_str()) > 0;
}

std::vector<std::string> Hdf5Object::attribute_names() const {
  std::lock_guard const lock(hdf5_lock());
  std::vector<std::string> names;
  hsize_t position = 0;
  H5Aiterate2(id(), H5_INDEX_NAME, H5_ITER_INC, &position, add_name, &names);
  return names;
}

std::vector<std::string> Hdf5Object::read_texts(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  OpenAttribute const source(*this, name);
  if (source.count == 0) {
    return {};  // h5py's empty list is a list of float64: look at the extent before the type
  }
  require(source.kind() == H5T_STRING, source.where, " holds numbers where text is expected");
  return H5Tis_variable_str(source.type.id()) > 0 ? variable_texts(source) : fixed_texts(source);
}

std::string Hdf5Object::read_text(std::string const& name) const {
  auto const texts = read_texts(name);
  require(texts.size() == 1,
          "attribute '",
          name,
          "' of ",
          place_.describe(),
          " holds ",
          texts.size(),
          " texts, not one");
  return texts.front();
}

std::vector<double> Hdf5Object::read_numbers(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  OpenAttribute const source(*this, name);
  std::vector<double> values(static_cast<size_t>(source.count));
  if (values.empty()) {
    return values;
  }
  require(source.holds_numbers(), source.where, " holds no numbers, where numbers are expected");
  if (source.kind() != H5T_ENUM) {
    source.read(H5T_NATIVE_DOUBLE, values.data());
    return values;
  }
  Hdf5Handle const native(H5Tget_native_type(source.type.id(), H5T_DIR_ASCEND));
  Hdf5Handle const integer(H5Tget_super(native.id()));
  source.read(native.id(), values.data());
  require(
      H5Tconvert(
          integer.id(), H5T_NATIVE_DOUBLE, values.size(), values.data(), nullptr, H5P_DEFAULT) >= 0,
      "cannot read ",
      source.where,
      ": ",
      take_hdf5_errors());
  return values;
}

double Hdf5Object::read_number(std::string const& name) const {
  auto const values = read_numbers(name);
  require(values.size() == 1,
          "attribute '",
          name,
          "' of ",
          place_.describe(),
          " holds ",
          values.size(),
          " numbers, not one");
  return values.front();
}

int64_t Hdf5Object::read_integer(std::string const& name) const {
  auto const value = read_number(name);
  require(std::abs(value) < 9e15 && value == std::floor(value),
          "attribute '",
          name,
          "' of ",
          place_.describe(),
          " is ",
          value,
          ", not a whole number");
  return static_cast<int64_t>(value);
}

Flag Hdf5Object::read_flag(std::string const& name) const {
  return read_number(name) != 0 ? Flag::yes : Flag::no;
}

bool Hdf5Object::is_number(std::string const& name) const {
  std::lock_guard const lock(hdf5_lock());
  return OpenAttribute(*this, name).holds_numbers();
}

void Hdf5Object::write_text(std::string const& name, std::string const& value) const {
  auto const* const pointer = value.c_str();
  write(*this, name, text_type().id(), Hdf5Handle(H5Screate(H5S_SCALAR)).id(), &pointer);
}

void Hdf5Object::write_texts(std::string const& name,
                             std::vector<std::string> const& values) const {
  if (values.empty()) {
    return write_numbers(name, {});
  }
  std::vector<char const*> pointers;
  for (auto const& value : values) {
    pointers.push_back(value.c_str());
  }
  write(*this, name, text_type().id(), list_space(values.size()).id(), pointers.data());
}

void Hdf5Object::write_number(std::string const& name, double value) const {
  write(*this, name, H5T_NATIVE_DOUBLE, Hdf5Handle(H5Screate(H5S_SCALAR)).id(), &value);
}

void Hdf5Object::write_numbers(std::string const& name, std::vector<double> const& values) const {
  write(*this,
        name,
        H5T_NATIVE_DOUBLE,
        list_space(values.size()).id(),
        values.empty() ? nullptr : values.data());
}

void Hdf5Object::write_integer(std::string const& name, int64_t value) const {
  write(*this, name, H5T_NATIVE_INT64, Hdf5Handle(H5Screate(H5S_SCALAR)).id(), &value);
}

void Hdf5Object::write_flag(std::string const& name, Flag value) const {
  write(*this, name, make_boolean_type().id(), Hdf5Handle(H5Screate(H5S_SCALAR)).id(), &value);
}

void Hdf5Object::write_flags(std::string const& name, std::vector<Flag> const& values) const {
  write(*this,
        name,
        make_boolean_type().id(),
        list_space(values.size()).id(),
        values.empty() ? nullptr : values.data());
}

}  // namespace eddyline
