#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eddyline::parity {

/// One fixture: what the reference implementation was given and gave (an .h5 file beside its .pt).
struct Reference {
  std::string stem;
  std::filesystem::path weights;  ///< the .pt container
  nlohmann::json config;          ///< attribute `config`; null if there is none
  nlohmann::json facts;           ///< attribute `case`; null if there is none
  /// Every attribute of the root that is one value: a number, JSON where a text is that, else text.
  nlohmann::json attributes = nlohmann::json::object();
  std::map<std::string, at::Tensor> tensors;              ///< every numeric data set by path
  std::map<std::string, std::vector<std::string>> texts;  ///< every data set of text
  mutable std::set<std::string> used;                     ///< data sets that a test looked at

  bool has(std::string const& name) const { return tensors.count(name) + texts.count(name) > 0; }
  /// The data set, marked as used. Fails the test if it is missing.
  at::Tensor tensor(std::string const& name) const;
  /// Names of data sets that begin with `prefix`.
  std::vector<std::string> names(std::string const& prefix) const;
  /// Data sets that are neither input nor compared so far.
  std::vector<std::string> unused() const;
};

/// `<root>/<network>`, root being $EDDYLINE_FIXTURES or the checkout's tests/fixtures.
std::filesystem::path fixture_folder(std::string const& network);

/// Reads every fixture of the network's folder, which is listed when this is called.
std::vector<Reference> read_references(std::string const& network);

/// Largest absolute difference; infinity where shapes differ or a value is not finite.
double largest_difference(at::Tensor const& a, at::Tensor const& b);

/// Prints "stem what: largest difference d (at most t)" and fails the test if d > t.
void expect_close(Reference const& reference,
                  std::string const& what,
                  double difference,
                  double tolerance);

}  // namespace eddyline::parity
