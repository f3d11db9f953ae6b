#include <algorithm>

#include "surrogates/morph/morph.hpp"

namespace eddyline {
namespace {

/// Upstream's rates are absolute; ours are times the schedule's, whose peak is 1e-3 by default.
constexpr double kTenth = 0.1;
constexpr double kDecay = 1e-5;

bool is_norm(std::string const& name) {
  return name.find("norm") != std::string::npos;
}

template <class Predicate>
void add(std::vector<ParameterGroup>& groups,
         ParameterGroup group,
         std::vector<std::string> const& names,
         Predicate belongs) {
  std::copy_if(names.begin(), names.end(), std::back_inserter(group.parameters), belongs);
  if (!group.parameters.empty()) {
    groups.push_back(std::move(group));
  }
}

auto begins(std::string const& prefix) {
  return [prefix](std::string const& name) { return name.starts_with(prefix); };
}

/// Second stage for longer windows (spec 5): time attention of the last four blocks and the last
/// eight LayerNorms in order of definition: decoder.norm and seven of the blocks.
std::vector<ParameterGroup> longer_window_groups(std::vector<std::string> const& names,
                                                 int64_t depth) {
  constexpr int64_t kBlocks = 4;
  constexpr size_t kNorms = 8;
  std::vector<std::string> norms;
  for (auto const& name : names) {
    if (is_norm(name) && name.ends_with(".weight")) {
      norms.push_back(name.substr(0, name.size() - 6));
    }
  }
  norms.erase(norms.begin(),
              norms.end() - static_cast<std::ptrdiff_t>(std::min(kNorms, norms.size())));
  std::vector<ParameterGroup> groups;
  add(groups,
      {.name = "ar1k", .learning_rate_scale = kTenth, .weight_decay = 0},
      names,
      [&](std::string const& name) {
        for (auto i = std::max<int64_t>(0, depth - kBlocks); i < depth; ++i) {
          if (name.starts_with("transformer_blocks." + std::to_string(i) + ".axial_attn.attn_t.")) {
            return true;
          }
        }
        return std::any_of(norms.begin(), norms.end(), [&](std::string const& norm) {
          return name.starts_with(norm);
        });
      });
  return groups;
}

}  // namespace

bool is_lora(std::string const& name) {
  return name.ends_with(".A") || name.ends_with(".B");
}

std::vector<ParameterGroup> fine_tune_groups(FineTune stage,
                                             std::vector<std::string> const& names,
                                             int64_t depth) {
  if (stage == FineTune::ar1k) {
    return longer_window_groups(names, depth);
  }
  std::vector<ParameterGroup> groups;
  if (stage == FineTune::everything || stage == FineTune::level4) {
    auto const scale = stage == FineTune::level4 ? kTenth : 1.0;
    auto const decay = stage == FineTune::level4 ? 0.0 : -1.0;
    add(groups,
        {.name = "all", .learning_rate_scale = scale, .weight_decay = decay},
        names,
        [](auto const&) { return true; });
    return groups;
  }
  add(groups, {.name = "lora", .learning_rate_scale = 1, .weight_decay = 0}, names, is_lora);
  add(groups, {.name = "norm", .learning_rate_scale = kTenth, .weight_decay = 0}, names, is_norm);
  add(groups,
      {.name = "pos", .learning_rate_scale = kTenth, .weight_decay = 0},
      names,
      begins("pos_encoding."));
  if (stage != FineTune::level1) {
    auto const at = [](char const* name) {
      return ParameterGroup{.name = name, .learning_rate_scale = kTenth, .weight_decay = kDecay};
    };
    add(groups, at("conv"), names, begins("patch_embedding.conv_features."));
    add(groups, at("proj"), names, begins("patch_embedding.projection."));
    add(groups, at("xattn"), names, begins("patch_embedding.field_attn."));
    if (stage == FineTune::level3) {
      add(groups, at("decoder"), names, begins("decoder.linear."));
    }
  }
  return groups;
}

}  // namespace eddyline
