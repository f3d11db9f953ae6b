#include "workflows/rehearsal/rehearsal.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/process_group.hpp"
#include "data/pipeline/fit.hpp"
#include "data/sharding/predicted_part.hpp"

namespace eddyline {
namespace {

int64_t cells_of(std::array<int64_t, 3> const& size) {
  return size[0] * size[1] * size[2];
}

double in_proportion(std::pair<double, double> smaller,
                     std::pair<double, double> larger,
                     double work) {
  auto const [w1, y1] = smaller;
  auto const [w2, y2] = larger;
  auto const slope = w2 > w1 ? std::max(0.0, y2 - y1) / (w2 - w1) : y2 / w2;
  return y2 + slope * (work - w2);
}

}  // namespace

int64_t weight_bytes(Surrogate const& network) {
  int64_t bytes = 0;
  for (auto const& tensors : {network.parameters(), network.buffers()}) {
    for (auto const& tensor : tensors) {
      bytes += static_cast<int64_t>(tensor.nbytes());
    }
  }
  return bytes;
}

double ample_bytes_of(int64_t weights, int64_t work) {
  return 16 * static_cast<double>(weights) + 0x1p18 * static_cast<double>(work);
}

int busiest(Decomposition const& parts) {
  int most = 0;
  std::pair<int64_t, int> score = {0, 0};
  for (int rank = 0; rank < parts.ranks(); ++rank) {
    auto const block = parts.block(rank);
    int neighbours = 0;
    for (size_t a = 0; a < 3; ++a) {
      neighbours += (block.position[a] > 0) + (block.position[a] + 1 < block.parts[a]);
    }
    if (std::pair const own(block.box.cells(), neighbours); own > score) {
      score = own;
      most = rank;
    }
  }
  return most;
}

int busiest(BatchSpec const& spec, std::array<int64_t, 3> patch, std::array<int, 3> const& parts) {
  auto const divided = [&](Grid const& grid) {
    auto const cells = grid.shape();
    return Decomposition(cells, parts, patch_alignment(patch, cells));
  };
  auto const all = busiest(divided(spec.input_grid));
  return spec.part ? with_context([&] { return busiest(divided(spec.output_grid)); },
                                  "dividing the region that the network predicts")
                   : all;
}

std::array<int64_t, 3> patch_alignment(std::array<int64_t, 3> patch, std::array<int64_t, 3> cells) {
  for (size_t a = 0; a < 3; ++a) {
    patch[a] = cells[a] == 1 ? 1 : patch[a];
  }
  return patch;
}

Portion fewer(Portion const& whole,
              std::array<int, 3> const& domain,
              std::array<int64_t, 3> const& align,
              int64_t most_work) {
  std::array<int64_t, 3> unit{};
  int64_t ranks = 1;
  for (size_t a = 0; a < 3; ++a) {
    unit[a] = align[a] * domain[a];
    ranks *= domain[a];
  }
  auto const block_cells = [&](Portion const& one) { return cells_of(one.cells) / ranks; };
  auto part = whole;
  part.samples =
      std::clamp<int64_t>(most_work / std::max<int64_t>(1, block_cells(whole)), 1, whole.samples);
  while (part.samples * block_cells(part) > most_work) {
    size_t longest = 3;
    for (size_t a = 0; a < 3; ++a) {
      bool const is_longer = longest == 3 || part.cells[a] > part.cells[longest];
      longest = part.cells[a] >= 3 * unit[a] && is_longer ? a : longest;
    }
    if (longest == 3) {
      break;
    }
    auto const units = part.cells[longest] / unit[longest];
    part.cells[longest] = unit[longest] * std::max<int64_t>(2, units / 2);
  }
  return part;
}

std::shared_ptr<BatchSpec> spec_of_part(BatchSpec const& whole,
                                        std::array<int64_t, 3> const& cells,
                                        std::shared_ptr<Mesh const> const& mesh,
                                        std::array<int64_t, 3> const& align) {
  auto spec = std::make_shared<BatchSpec>(whole);
  if (cells != spec->input_grid.shape()) {
    require(spec->output_grid == spec->input_grid, "a region has the cells that it has");
    spec->output_grid = spec->input_grid = spec->input_grid.crop({0, 0, 0}, cells);
    spec->fit = nullptr;
  }
  spec->sharding =
      mesh->is_split() ? std::make_shared<Sharding const>(mesh, cells, align) : nullptr;
  if (spec->sharding && spec->fit) {
    spec->fit = std::make_shared<Fit const>(spec->fit->divided(spec->sharding));
  }
  if (spec->part) {
    auto const& part = spec->part->cells();
    spec->part = spec->sharding
                     ? std::make_shared<PredictedPart const>(part, *spec->sharding, align)
                     : std::make_shared<PredictedPart const>(part);
  }
  return spec;
}

RankNeeds scaled(RankNeeds const& smaller,
                 RankNeeds const& larger,
                 int64_t cells,
                 int64_t samples) {
  auto const work = static_cast<double>(cells) * static_cast<double>(samples);
  auto const work_of = [](RankNeeds const& one) {
    return static_cast<double>(one.cells) * static_cast<double>(one.samples);
  };
  auto const all = [&](int64_t of_smaller, int64_t of_larger) {
    return std::llround(in_proportion({work_of(smaller), static_cast<double>(of_smaller)},
                                      {work_of(larger), static_cast<double>(of_larger)},
                                      work));
  };
  RankNeeds needs{.cells = cells, .samples = samples, .is_scaled = true};
  needs.start_bytes = std::max(smaller.start_bytes, larger.start_bytes);
  needs.tensor_bytes = all(smaller.tensor_bytes, larger.tensor_bytes);
  using Kinds = std::map<std::string, int64_t>;
  auto const each = [&](Kinds const& of_smaller, Kinds const& of_larger) {
    Kinds kinds;
    for (auto const& [kind, bytes] : of_larger) {
      auto const found = of_smaller.find(kind);
      kinds[kind] = all(found == of_smaller.end() ? 0 : found->second, bytes);
    }
    return kinds;
  };
  needs.parts = each(smaller.parts, larger.parts);
  needs.sent = each(smaller.sent, larger.sent);
  return needs;
}

std::optional<RankNeeds> tried_or_scaled(int64_t work,
                                         int64_t samples,
                                         int64_t most_work,
                                         std::function<RankNeeds(int64_t)> const& steps) {
  try {
    return work <= most_work
               ? steps(kAnyWork)
               : scaled(steps(most_work / 2), steps(most_work), work / samples, samples);
  } catch (Error const&) {
    if (work <= most_work) {
      throw;
    }
    return std::nullopt;  // of another grid, or with more modes than so few cells have
  }
}

std::map<std::string, int64_t> sent_between(std::map<std::string, int64_t> const& before,
                                            std::map<std::string, int64_t> const& after) {
  std::map<std::string, int64_t> sent;
  for (auto const& [kind, all] : after) {
    auto const found = before.find(kind);
    auto const bytes = all - (found == before.end() ? 0 : found->second);
    if (bytes > 0) {
      sent[kind] = bytes;
    }
  }
  return sent;
}

std::map<std::string, int64_t> sent_by_process() {
  std::map<std::string, int64_t> sent;
  for (auto const& [kind, count] : traffic_of_process()) {
    sent[kind] = count.sent;
  }
  return sent;
}

}  // namespace eddyline
