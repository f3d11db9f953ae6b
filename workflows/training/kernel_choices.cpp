#include "workflows/training/kernel_choices.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include <ATen/Context.h>
#include <ATen/Version.h>

#include "core/error.hpp"
#include "core/version.hpp"

namespace eddyline {
namespace {

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (auto const colon = line.find(": ");
        line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

/// Each text once, in order.
std::string of_all(Communicator const& ranks, std::string const& mine) {
  auto const texts = ranks.all_gather(mine);
  std::string all;
  for (auto const& text : std::set<std::string>(texts.begin(), texts.end())) {
    all += (all.empty() ? "" : " and ") + text;
  }
  return all;
}

/// The first line of a library's description of itself.
std::string first_line(std::string const& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

nlohmann::json kernel_choices(at::Device device, Communicator const& ranks) {
  auto const uses_onednn = at::globalContext().userEnabledMkldnn() && at::hasMKLDNN();
  return {{"device", c10::DeviceTypeName(device.type(), /*lower_case=*/true)},
          {"processor", of_all(ranks, processor())},
          {"instructions", of_all(ranks, at::get_cpu_capability())},
          {"libtorch", version().torch},
          {"oneDNN", uses_onednn ? first_line(at::get_mkldnn_version()) : "off"},
          {"MKL", at::hasMKL() ? first_line(at::get_mkl_version()) : "off"},
          {"OpenMP", first_line(at::get_openmp_version())}};
}

std::vector<std::string> kernel_differences(nlohmann::json const& now,
                                            nlohmann::json const& before) {
  std::vector<std::string> differences;
  for (auto const& [key, value] : now.items()) {
    auto const stored = before.is_object() ? before.value(key, std::string()) : std::string();
    if (!stored.empty() && stored != value.get<std::string>()) {
      differences.push_back(
          concat(key, ": '", value.get<std::string>(), "' instead of '", stored, "'"));
    }
  }
  return differences;
}

}  // namespace eddyline
