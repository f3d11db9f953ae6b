#include "tests/parity/reference.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "core/error.hpp"
#include "tests/places.hpp"

namespace eddyline::parity {
namespace {

/// Text of a root attribute; "null" where there is none.
std::string read_attribute(hid_t file, char const* name) {
  if (H5Aexists(file, name) <= 0) {
    return "null";
  }
  auto const attribute = H5Aopen(file, name, H5P_DEFAULT);
  auto const type = H5Aget_type(attribute);
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    char* value = nullptr;
    H5Aread(attribute, type, &value);
    text = value ? value : "";
    H5free_memory(value);
  } else {
    text.resize(H5Tget_size(type));
    H5Aread(attribute, type, text.data());
  }
  H5Tclose(type);
  H5Aclose(attribute);
  return text.c_str();
}

herr_t collect_attribute(hid_t file, char const* name, H5A_info_t const*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return file < 0 ? -1 : 0;
}

int64_t elements_of(hid_t attribute) {
  auto const space = H5Aget_space(attribute);
  auto const elements = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return elements;
}

/// Single values; text is taken for JSON if it is any.
nlohmann::json read_attributes(hid_t file) {
  std::vector<std::string> names;
  H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect_attribute, &names);
  auto attributes = nlohmann::json::object();
  for (auto const& name : names) {
    auto const attribute = H5Aopen(file, name.c_str(), H5P_DEFAULT);
    auto const type = H5Aget_type(attribute);
    auto const kind = H5Tget_class(type);
    double number = 0;
    bool const single = elements_of(attribute) == 1;
    if (single && kind == H5T_STRING) {
      auto const text = read_attribute(file, name.c_str());
      auto const parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
      attributes[name] = parsed.is_discarded() ? nlohmann::json(text) : parsed;
    } else if (single && (kind == H5T_INTEGER || kind == H5T_FLOAT) &&
               H5Aread(attribute, H5T_NATIVE_DOUBLE, &number) >= 0) {
      attributes[name] = number;
    }
    H5Tclose(type);
    H5Aclose(attribute);
  }
  return attributes;
}

std::vector<std::string> read_texts(hid_t set, size_t count) {
  std::vector<char*> values(count, nullptr);
  auto const type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  EXPECT_GE(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  std::vector<std::string> texts;
  for (auto* value : values) {
    texts.emplace_back(value ? value : "");
    H5free_memory(value);
  }
  H5Tclose(type);
  return texts;
}

void read_set(hid_t file, std::string const& name, Reference& reference) {
  auto const set = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  auto const space = H5Dget_space(set);
  auto const type = H5Dget_type(set);
  std::vector<hsize_t> extents(static_cast<size_t>(H5Sget_simple_extent_ndims(space)));
  H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  if (H5Tget_class(type) == H5T_STRING) {
    reference.texts[name] =
        read_texts(set, static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
  } else {
    bool const wide = H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 8;
    auto tensor = at::empty(std::vector<int64_t>(extents.begin(), extents.end()),
                            wide ? at::kDouble : at::kFloat);
    EXPECT_GE(H5Dread(set,
                      wide ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT,
                      H5S_ALL,
                      H5S_ALL,
                      H5P_DEFAULT,
                      tensor.data_ptr()),
              0)
        << name;
    reference.tensors[name] = tensor;
  }
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(set);
}

herr_t collect(hid_t /*file*/, char const* name, H5O_info_t const* object, void* names) {
  if (object->type == H5O_TYPE_DATASET) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  }
  return 0;
}

Reference read_reference(std::filesystem::path const& path) {
  Reference reference{.stem = path.stem().string(),
                      .weights = std::filesystem::path(path).replace_extension(".pt")};
  auto const file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  require(file >= 0, "cannot open fixture '", path.string(), "'");
  reference.config = nlohmann::json::parse(read_attribute(file, "config"));
  reference.facts = nlohmann::json::parse(read_attribute(file, "case"));
  reference.attributes = read_attributes(file);
  std::vector<std::string> names;
  H5Ovisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, collect, &names);
  for (auto const& name : names) {
    read_set(file, name, reference);
  }
  H5Fclose(file);
  return reference;
}

}  // namespace

at::Tensor Reference::tensor(std::string const& name) const {
  used.insert(name);
  auto const found = tensors.find(name);
  require(found != tensors.end(), "fixture '", stem, "' has no data set '", name, "'");
  return found->second;
}

std::vector<std::string> Reference::names(std::string const& prefix) const {
  std::vector<std::string> found;
  for (auto const& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) {
      found.push_back(name);
    }
  }
  return found;
}

std::vector<std::string> Reference::unused() const {
  std::vector<std::string> left;
  for (auto const& [name, tensor] : tensors) {
    if (!used.contains(name)) {
      left.push_back(name);
    }
  }
  for (auto const& [name, texts_of_it] : texts) {
    if (!used.contains(name)) {
      left.push_back(name);
    }
  }
  return left;
}

std::filesystem::path fixture_folder(std::string const& network) {
  return fixtures_folder() / network;
}

std::vector<Reference> read_references(std::string const& network) {
  auto const folder = fixture_folder(network);
  std::vector<std::filesystem::path> paths;
  for (auto const& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".h5") {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Reference> references;
  for (auto const& path : paths) {
    references.push_back(read_reference(path));
  }
  EXPECT_FALSE(references.empty()) << "no fixture in " << folder;
  return references;
}

namespace {
at::Tensor on_host(at::Tensor const& values) {
  return values.detach().to(at::kCPU, at::kDouble);
}
}  // namespace

double largest_difference(at::Tensor const& a, at::Tensor const& b) {
  if (a.sizes() != b.sizes()) {
    return std::numeric_limits<double>::infinity();
  }
  auto const difference = (on_host(a) - on_host(b)).abs();
  return at::isfinite(difference).all().item<bool>() ? difference.max().item<double>()
                                                     : std::numeric_limits<double>::infinity();
}

void expect_close(Reference const& reference,
                  std::string const& what,
                  double difference,
                  double tolerance) {
  std::printf("%s %s: largest difference %.2e (at most %.0e)\n",
              reference.stem.c_str(),
              what.c_str(),
              difference,
              tolerance);
  EXPECT_LE(difference, tolerance) << reference.stem << " " << what;
}

}  // namespace eddyline::parity
